//! `topic create`, `list`, `describe`, `alter`, `add-partitions` and `delete`.

mod alter;

use std::collections::HashMap;

use millstream_client::admin::{ConfigResource, ConfigSource, IsolationLevel, NewTopic, OffsetSpec};
use millstream_client::metadata::TopicMetadata;
use millstream_client::{Admin, ClientError, ErrorKind, TopicPartition};
use serde_json::Value;

use super::{invalid, print, report, section};
use crate::cli::{TopicCreate, TopicDelete, TopicDescribe, TopicList};
use crate::cluster::runtime;
use crate::listing::Listing;

pub(super) use alter::{add_partitions, alter};

/// `topic create`.
pub(crate) fn create(command: &TopicCreate) -> anyhow::Result<()> {
    if command.partitions == 0 || command.partitions < -1 {
        return Err(invalid("a topic has at least one partition (-1 takes the broker's default)"));
    }
    let topic = |name: &String| NewTopic {
        name: name.clone(),
        partitions: (command.partitions > 0).then_some(command.partitions),
        replication_factor: (command.replicas > 0).then_some(command.replicas),
        configs: command.config.iter().cloned().collect(),
    };
    let topics: Vec<NewTopic> = command.topics.iter().map(topic).collect();
    let outcomes = runtime()?.block_on(async {
        anyhow::Ok(command.on.cluster.admin().await?.create_topics(&topics, command.dry_run).await?)
    })?;
    let tolerated = |error: &ClientError| command.if_not_exists && error.kind() == ErrorKind::AlreadyExists;
    report(
        command.on.output,
        "topic",
        outcomes.into_iter().map(|(name, outcome)| (name, outcome.map(|_| ()))),
        tolerated,
    )
}

/// `topic delete`.
pub(crate) fn delete(command: &TopicDelete) -> anyhow::Result<()> {
    let names: Vec<&str> = command.topics.iter().map(String::as_str).collect();
    let outcomes = runtime()?
        .block_on(async { anyhow::Ok(command.on.cluster.admin().await?.delete_topics(&names).await?) })?;
    report(command.on.output, "topic", outcomes, |_| false)
}

/// `topic list`.
pub(crate) fn list(command: &TopicList) -> anyhow::Result<()> {
    let topics =
        runtime()?.block_on(async { anyhow::Ok(command.on.cluster.admin().await?.list_topics().await?) })?;
    let wanted = |topic: &&TopicMetadata| {
        let named = command.topics.iter().any(|name| **name == *topic.name);
        named || (command.topics.is_empty() && (command.internal || !topic.is_internal))
    };
    let shown: Vec<&TopicMetadata> = topics.iter().filter(wanted).collect();
    if let Some(missing) =
        command.topics.iter().find(|name| !shown.iter().any(|topic| *topic.name == ***name))
    {
        let message = format!("there is no topic `{missing}`: `millstream topic list` shows those there are");
        return Err(crate::exit::Failure::new(crate::exit::FailureKind::NotFound, message).into());
    }
    let listing = if command.detailed { partition_list(&shown) } else { summary(shown.iter().copied()) };
    print(|out| listing.write(command.on.output, out))
}

/// A row per topic.
pub(super) fn summary<'a>(topics: impl IntoIterator<Item = &'a TopicMetadata>) -> Listing {
    let mut listing = Listing::new(&["name", "partitions", "replicas"]);
    for topic in topics {
        let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
        listing.push(vec![topic.name.to_string().into(), topic.partitions.len().into(), replicas.into()]);
    }
    listing
}

fn partition_list(topics: &[&TopicMetadata]) -> Listing {
    let mut listing = Listing::new(&["name", "partition", "leader", "epoch", "replicas"]);
    for topic in topics {
        for (index, partition) in topic.partitions.iter().enumerate() {
            listing.push(vec![
                topic.name.to_string().into(),
                index.into(),
                partition.leader.into(),
                partition.leader_epoch.into(),
                format!("{:?}", partition.replicas).into(),
            ]);
        }
    }
    listing
}

/// `topic describe`.
pub(crate) fn describe(command: &TopicDescribe) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let names: Vec<&str> = command.topics.iter().map(String::as_str).collect();
        for (_, topic) in admin.describe_topics(&names).await? {
            describe_one(command, &admin, &topic?).await?;
        }
        Ok(())
    })
}

async fn describe_one(command: &TopicDescribe, admin: &Admin, topic: &TopicMetadata) -> anyhow::Result<()> {
    let some = command.print_summary || command.print_configs || command.print_partitions;
    let all = command.print_all;
    if command.print_summary || all || !some {
        let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
        let mut listing = Listing::new(&["name", "internal", "partitions", "replicas", "topic_id"]);
        listing.push(vec![
            topic.name.to_string().into(),
            topic.is_internal.into(),
            topic.partitions.len().into(),
            replicas.into(),
            topic.id.to_string().into(),
        ]);
        section(command.on.output, "summary", &listing)?;
    }
    if command.print_configs || all || !some {
        let resource = ConfigResource::Topic(topic.name.to_string());
        let mut listing = Listing::new(&["key", "value", "source"]);
        for config in admin.describe_configs(&resource).await? {
            let value = config.value.map_or(Value::Null, Value::from);
            listing.push(vec![config.name.into(), value, source(config.source).into()]);
        }
        section(command.on.output, "configs", &listing)?;
    }
    if command.print_partitions || all {
        section(command.on.output, "partitions", &partitions(admin, topic).await?)?;
    }
    Ok(())
}

async fn partitions(admin: &Admin, topic: &TopicMetadata) -> anyhow::Result<Listing> {
    let count = i32::try_from(topic.partitions.len())?;
    let asked = |spec| -> Vec<_> {
        (0..count).map(|partition| (TopicPartition::new(topic.name.clone(), partition), spec)).collect()
    };
    let starts = admin.list_offsets(&asked(OffsetSpec::Earliest), IsolationLevel::ReadUncommitted).await?;
    let ends = admin.list_offsets(&asked(OffsetSpec::Latest), IsolationLevel::ReadUncommitted).await?;
    let offset = |offsets: &HashMap<TopicPartition, _>, partition: &TopicPartition| -> Value {
        let listed: Option<&millstream_client::admin::ListedOffset> = offsets.get(partition);
        listed.and_then(|listed| listed.offset).into()
    };
    let mut listing =
        Listing::new(&["partition", "leader", "epoch", "replicas", "log_start_offset", "high_watermark"]);
    for (index, partition) in (0..count).zip(&topic.partitions) {
        let name = TopicPartition::new(topic.name.clone(), index);
        listing.push(vec![
            index.into(),
            partition.leader.into(),
            partition.leader_epoch.into(),
            format!("{:?}", partition.replicas).into(),
            offset(&starts, &name),
            offset(&ends, &name),
        ]);
    }
    Ok(listing)
}

fn source(source: ConfigSource) -> String {
    match source {
        ConfigSource::DynamicTopic => "DYNAMIC_TOPIC_CONFIG".to_owned(),
        ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG".to_owned(),
        ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG".to_owned(),
        ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG".to_owned(),
        ConfigSource::Default => "DEFAULT_CONFIG".to_owned(),
        ConfigSource::DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG".to_owned(),
        ConfigSource::Other(code) => format!("source {code}"),
    }
}
