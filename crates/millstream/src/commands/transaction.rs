//! `txn list`, `describe` and `abort`.

use chrono::{DateTime, SecondsFormat};
use millstream_client::admin::TransactionDescription;
use millstream_client::{ClientError, ErrorKind};
use serde_json::Value;

use super::{print, report};
use crate::cli::{TransactionAbort, TransactionDescribe, TransactionList};
use crate::cluster::runtime;
use crate::exit::{Failure, FailureKind};
use crate::listing::Listing;

/// `txn list`.
pub(crate) fn list(command: &TransactionList) -> anyhow::Result<()> {
    let found = runtime()?
        .block_on(async { anyhow::Ok(command.cluster.admin().await?.list_transactions().await?) })?;
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
    print(|out| listing.write(command.output, out))
}

/// `txn describe`.
pub(crate) fn describe(command: &TransactionDescribe) -> anyhow::Result<()> {
    let described = runtime()?.block_on(async {
        let admin = command.cluster.admin().await?;
        let mut described = Vec::with_capacity(command.transactional_ids.len());
        for id in &command.transactional_ids {
            let found = admin.describe_transaction(id).await;
            described.push(found.map_err(|error| explain(id, error))?);
        }
        anyhow::Ok(described)
    })?;
    let listing = if command.print_partitions { by_partition(&described) } else { by_id(&described) };
    print(|out| listing.write(command.output, out))
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
    let outcomes = runtime()?.block_on(async {
        let admin = command.cluster.admin().await?;
        let mut outcomes = Vec::with_capacity(command.transactional_ids.len());
        for id in &command.transactional_ids {
            outcomes.push((id.clone(), admin.abort_transaction(id).await));
        }
        anyhow::Ok(outcomes)
    })?;
    report(command.output, "transactional_id", outcomes, |_| false)
}
