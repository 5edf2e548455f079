//! `topic alter` and `topic add-partitions`.

use millstream_client::admin::{ConfigChange, ConfigResource};
use millstream_client::{Admin, ClientError};

use super::report;
use crate::cli::{TopicAddPartitions, TopicAlter};
use crate::cluster::runtime;

/// `topic alter`.
pub(crate) fn alter(command: &TopicAlter) -> anyhow::Result<()> {
    let outcomes = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let changes = changes(command);
        let mut outcomes = Vec::with_capacity(command.topics.len());
        for topic in &command.topics {
            outcomes.push((topic.clone(), alter_one(&admin, command, topic, &changes).await));
        }
        anyhow::Ok(outcomes)
    })?;
    report(command.on.output, "topic", outcomes, |_| false)
}

/// What is to become of settings, in the order of the help.
fn changes(command: &TopicAlter) -> Vec<(String, ConfigChange)> {
    let set = command.set.iter().map(|(key, value)| (key.clone(), ConfigChange::Set(value.clone())));
    let delete = command.delete.iter().map(|key| (key.clone(), ConfigChange::Delete));
    let append = command.append.iter().map(|(key, value)| (key.clone(), ConfigChange::Append(value.clone())));
    let subtract =
        command.subtract.iter().map(|(key, value)| (key.clone(), ConfigChange::Subtract(value.clone())));
    set.chain(delete).chain(append).chain(subtract).collect()
}

async fn alter_one(
    admin: &Admin,
    command: &TopicAlter,
    topic: &str,
    changes: &[(String, ConfigChange)],
) -> Result<(), ClientError> {
    let resource = ConfigResource::Topic(topic.to_owned());
    if !changes.is_empty() {
        // Nothing is changed if a part of it is refused.
        admin.incremental_alter_configs(&resource, changes, true).await?;
    }
    if let Some(partitions) = command.partitions {
        admin.create_partitions(topic, partitions, command.dry_run).await?;
    }
    if changes.is_empty() || command.dry_run {
        return Ok(());
    }
    admin.incremental_alter_configs(&resource, changes, false).await
}

/// `topic add-partitions`.
pub(crate) fn add_partitions(command: &TopicAddPartitions) -> anyhow::Result<()> {
    let outcomes = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let names: Vec<&str> = command.topics.iter().map(String::as_str).collect();
        let mut outcomes = Vec::with_capacity(names.len());
        for (name, topic) in admin.describe_topics(&names).await? {
            let outcome = match topic {
                Ok(topic) => {
                    let present = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                    admin.create_partitions(&name, present.saturating_add(command.num), false).await
                }
                Err(error) => Err(error),
            };
            outcomes.push((name, outcome));
        }
        anyhow::Ok(outcomes)
    })?;
    report(command.on.output, "topic", outcomes, |_| false)
}
