//! `cluster info`.

use serde_json::{Value, json};

use super::{print, section, topic};
use crate::cli::{ClusterInfo, Output};
use crate::cluster::runtime;
use crate::listing::Listing;

/// `cluster info`.
pub(crate) fn info(command: &ClusterInfo) -> anyhow::Result<()> {
    let (cluster, topics) = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let cluster = admin.describe_cluster().await?;
        let mut topics = admin.list_topics().await?;
        topics.retain(|topic| command.print_internal_topics || !topic.is_internal);
        anyhow::Ok((cluster, topics))
    })?;
    let mut brokers = Listing::new(&["id", "host", "port", "rack", "controller"]);
    for (&id, broker) in &cluster.brokers {
        let is_controller = cluster.controller_id == Some(id);
        let mark = match command.on.output {
            Output::Table => if is_controller { "*" } else { "" }.into(),
            Output::Json => Value::from(is_controller),
        };
        let rack = broker.rack.as_ref().map(ToString::to_string);
        brokers.push(vec![
            id.into(),
            broker.address.host.to_string().into(),
            broker.address.port.into(),
            rack.into(),
            mark,
        ]);
    }
    let topics = topic::summary(&topics);
    if command.on.output == Output::Json {
        let object = json!({
            "cluster_id": cluster.cluster_id,
            "controller": cluster.controller_id,
            "brokers": brokers.to_objects(),
            "topics": topics.to_objects(),
        });
        return print(|out| writeln!(out, "{object}"));
    }
    let all = !(command.print_cluster || command.print_brokers || command.print_topics);
    if all || command.print_cluster {
        let id = cluster.cluster_id.as_deref().unwrap_or("-").to_owned();
        print(|out| writeln!(out, "CLUSTER\n=======\n{id}\n"))?;
    }
    if all || command.print_brokers {
        section(command.on.output, "brokers", &brokers)?;
    }
    if all || command.print_topics {
        section(command.on.output, "topics", &topics)?;
    }
    Ok(())
}
