//! `txn list`, `describe`, `abort` and `find-hanging`.

use chrono::{DateTime, SecondsFormat, Utc};
use millstream_client::admin::{PartitionProducer, TransactionDescription};
use millstream_client::{Admin, ClientError, ErrorKind, TopicPartition};
use serde_json::Value;

use super::{print, report};
use crate::cli::{OnCluster, TransactionAbort, TransactionDescribe, TransactionFindHanging, TransactionList};
use crate::cluster::runtime;
use crate::exit::{Failure, FailureKind};
use crate::listing::Listing;

/// `txn list`.
pub(crate) fn list(command: &TransactionList) -> anyhow::Result<()> {
    let found = runtime()?
        .block_on(async { anyhow::Ok(command.on.cluster.admin().await?.list_transactions().await?) })?;
    let mut listing = Listing::new(&["coordinator", "transactional_id", "producer_id", "state"]);
    for found in found {
        let is_wanted = |state: &String| state.eq_ignore_ascii_case(&found.state);
        if command.states.is_empty() || command.states.iter().any(is_wanted) {
            listing.push(vec![
                found.coordinator.into(),
                found.transactional_id.into(),
                found.producer_id.into(),
                found.state.into(),
            ]);
        }
    }
    print(|out| listing.write(command.on.output, out))
}

/// `txn describe`.
pub(crate) fn describe(command: &TransactionDescribe) -> anyhow::Result<()> {
    let described = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let mut described = Vec::with_capacity(command.transactional_ids.len());
        for id in &command.transactional_ids {
            let found = admin.describe_transaction(id).await;
            described.push(found.map_err(|error| explain(id, error))?);
        }
        anyhow::Ok(described)
    })?;
    let listing = if command.print_partitions { by_partition(&described) } else { by_id(&described) };
    print(|out| listing.write(command.on.output, out))
}

fn explain(id: &str, error: ClientError) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return error.into();
    }
    let message = format!("there is no transactional id `{id}`: `millstream txn list` shows those there are");
    Failure::new(FailureKind::NotFound, message).into()
}

fn by_id(described: &[TransactionDescription]) -> Listing {
    let mut listing = Listing::new(&[
        "coordinator",
        "transactional_id",
        "producer_id",
        "producer_epoch",
        "state",
        "started",
        "timeout_ms",
        "partitions",
    ]);
    for found in described {
        let started = found.started_ms.and_then(DateTime::from_timestamp_millis);
        let started = started.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        listing.push(vec![
            found.coordinator.into(),
            found.transactional_id.clone().into(),
            found.producer_id.into(),
            found.producer_epoch.into(),
            found.state.clone().into(),
            Value::from(started),
            found.timeout_ms.into(),
            found.partitions.len().into(),
        ]);
    }
    listing
}

fn by_partition(described: &[TransactionDescription]) -> Listing {
    let mut listing = Listing::new(&["transactional_id", "topic", "partition"]);
    for found in described {
        for partition in &found.partitions {
            let topic = partition.topic.to_string();
            listing.push(vec![
                found.transactional_id.clone().into(),
                topic.into(),
                partition.partition.into(),
            ]);
        }
    }
    listing
}

/// `txn abort`.
pub(crate) fn abort(command: &TransactionAbort) -> anyhow::Result<()> {
    if let (Some(topic), Some(partition), Some(offset)) =
        (&command.topic, command.partition, command.start_offset)
    {
        let partition = TopicPartition::new(topic.as_str(), partition);
        let outcome = runtime()?.block_on(abort_hanging(&command.on, &partition, offset))?;
        return report(command.on.output, "partition", [(partition.to_string(), outcome)], |_| false);
    }
    let outcomes = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let mut outcomes = Vec::with_capacity(command.transactional_ids.len());
        for id in &command.transactional_ids {
            outcomes.push((id.clone(), admin.abort_transaction(id).await));
        }
        anyhow::Ok(outcomes)
    })?;
    report(command.on.output, "transactional_id", outcomes, |_| false)
}

async fn abort_hanging(
    on: &OnCluster,
    partition: &TopicPartition,
    start_offset: i64,
) -> anyhow::Result<Result<(), ClientError>> {
    let admin = on.cluster.admin().await?;
    let producers = admin.describe_producers(partition).await?;
    let begun = producers.iter().find(|producer| producer.transaction_start_offset == Some(start_offset));
    let Some(producer) = begun else {
        let message = format!(
            "no transaction that is open in {partition} began at offset {start_offset}: `millstream txn find-hanging` shows \
             those that hang"
        );
        return Err(Failure::new(FailureKind::NotFound, message).into());
    };
    Ok(admin.abort_in_partition(partition, producer).await)
}

/// `txn find-hanging`.
pub(crate) fn find_hanging(command: &TransactionFindHanging) -> anyhow::Result<()> {
    let hanging = runtime()?.block_on(hanging(command))?;
    let mut listing =
        Listing::new(&["topic", "partition", "producer_id", "producer_epoch", "start_offset", "last_write"]);
    for (partition, producer) in hanging {
        let last_write = DateTime::from_timestamp_millis(producer.last_timestamp_ms);
        listing.push(vec![
            partition.topic.to_string().into(),
            partition.partition.into(),
            producer.producer_id.into(),
            producer.producer_epoch.into(),
            producer.transaction_start_offset.into(),
            Value::from(last_write.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))),
        ]);
    }
    print(|out| listing.write(command.on.output, out))
}

/// A transaction in a partition: who writes it.
type InPartition = (TopicPartition, PartitionProducer);

async fn hanging(command: &TransactionFindHanging) -> anyhow::Result<Vec<InPartition>> {
    let admin = command.on.cluster.admin().await?;
    let candidates = open_for_too_long(&admin, command).await?;
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let mut hanging = Vec::new();
    let listed = admin.list_transactions().await?;
    for (partition, producer) in candidates {
        let owner = listed.iter().find(|listed| listed.producer_id == producer.producer_id);
        let is_known = match owner {
            None => false,
            Some(owner) => match admin.describe_transaction(&owner.transactional_id).await {
                Ok(described) => described.partitions.contains(&partition),
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error.into()),
            },
        };
        if !is_known {
            hanging.push((partition, producer));
        }
    }
    Ok(hanging)
}

async fn open_for_too_long(
    admin: &Admin,
    command: &TransactionFindHanging,
) -> anyhow::Result<Vec<InPartition>> {
    let latest_ms = Utc::now().timestamp_millis() - 60_000 * i64::from(command.max_transaction_timeout);
    let mut found = Vec::new();
    for topic in admin.list_topics().await? {
        let name: &str = &topic.name;
        if !command.topics.is_empty() && !command.topics.iter().any(|wanted| wanted == name) {
            continue;
        }
        for (partition, _) in (0..).zip(&topic.partitions) {
            let partition = TopicPartition::new(name, partition);
            let producers = admin.describe_producers(&partition).await?;
            let is_open = |it: &PartitionProducer| {
                it.transaction_start_offset.is_some() && it.last_timestamp_ms <= latest_ms
            };
            found.extend(producers.into_iter().filter(is_open).map(|it| (partition.clone(), it)));
        }
    }
    Ok(found)
}
