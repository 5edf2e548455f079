//! `group seek`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use millstream_client::admin::{CommittedOffset, IsolationLevel, OffsetSpec, OffsetToCommit};
use millstream_client::{Admin, ErrorKind, TopicPartition};
use serde_json::Value;

use super::position::Bounds;
use super::{describe_existing, missing};
use crate::cli::{GroupSeek, SeekTarget};
use crate::cluster::runtime;
use crate::commands::{invalid, print};
use crate::exit::{Failure, FailureKind};
use crate::listing::Listing;

type Committed = HashMap<TopicPartition, CommittedOffset>;
/// What is to be committed. Sorted, so that the answer is.
type Wanted = BTreeMap<TopicPartition, OffsetToCommit>;

/// `group seek`.
pub(crate) fn seek(command: &GroupSeek) -> anyhow::Result<()> {
    let (prior, wanted) = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        check_has_no_members(&admin, &command.group).await?;
        let prior = admin.committed_offsets(&command.group, None, false).await?;
        let mut wanted = wanted(command, &admin, &prior).await?;
        wanted.retain(|partition, _| is_wanted(command, &partition.topic));
        if wanted.is_empty() {
            return Err(nothing_to_do(command));
        }
        if !command.dry_run {
            let offsets = wanted.iter().map(|(partition, offset)| (partition.clone(), offset.clone()));
            admin.commit_offsets(&command.group, &offsets.collect()).await?;
        }
        anyhow::Ok((prior, wanted))
    })?;
    let mut listing = Listing::new(&["topic", "partition", "prior_offset", "current_offset"]);
    for (partition, offset) in wanted {
        let prior: Value = prior.get(&partition).map(|committed| committed.offset).into();
        let (topic, index) = (partition.topic.to_string(), partition.partition);
        listing.push(vec![topic.into(), index.into(), prior, offset.offset.into()]);
    }
    print(|out| listing.write(command.on.output, out))
}

/// Whatever members of a group commit would undo what is done here, and the broker refuses it.
async fn check_has_no_members(admin: &Admin, group: &str) -> anyhow::Result<()> {
    let described = match admin.describe_group(group).await {
        // Its first commit makes it.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        described => described?,
    };
    if described.members.is_empty() {
        return Ok(());
    }
    let message = format!(
        "group `{group}` is {} with {} members: stop them first, since offsets are moved only while nobody reads",
        described.state,
        described.members.len()
    );
    Err(Failure::new(FailureKind::Failure, message).into())
}

fn is_wanted(command: &GroupSeek, topic: &str) -> bool {
    command.topics.is_empty() || command.topics.iter().any(|wanted| wanted == topic)
}

fn nothing_to_do(command: &GroupSeek) -> anyhow::Error {
    let message = if command.topics.is_empty() {
        format!("group `{}` has no commits: name topics with --topics and --allow-new-topics", command.group)
    } else {
        format!(
            "group `{}` has no commits for these topics; --to takes them all the same with --allow-new-topics",
            command.group
        )
    };
    Failure::new(FailureKind::NotFound, message).into()
}

async fn wanted(command: &GroupSeek, admin: &Admin, prior: &Committed) -> anyhow::Result<Wanted> {
    if let Some(target) = command.to {
        return to(command, admin, prior, target).await;
    }
    if let Some(records) = command.shift_by {
        return shifted(admin, prior, records).await;
    }
    if let Some(file) = &command.to_file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| invalid(format!("cannot read {}: {error}", file.display())))?;
        return from_file(file, &text);
    }
    let Some(other) = &command.to_group else { return Ok(Wanted::new()) };
    describe_existing(admin, other).await?;
    let committed = admin.committed_offsets(other, None, false).await?;
    if committed.is_empty() {
        return Err(missing(other));
    }
    let taken_over = |(partition, committed): (TopicPartition, CommittedOffset)| {
        let CommittedOffset { offset, leader_epoch, metadata } = committed;
        (partition, OffsetToCommit { offset, leader_epoch, metadata })
    };
    Ok(committed.into_iter().map(taken_over).collect())
}

/// All partitions of the topics that the group has committed, and of new ones if they are allowed.
async fn to(
    command: &GroupSeek,
    admin: &Admin,
    prior: &Committed,
    target: SeekTarget,
) -> anyhow::Result<Wanted> {
    let mut topics: BTreeSet<&str> = prior.keys().map(|partition| &*partition.topic).collect();
    topics.retain(|topic| is_wanted(command, topic));
    if command.allow_new_topics {
        topics.extend(command.topics.iter().map(String::as_str));
    }
    let names: Vec<&str> = topics.into_iter().collect();
    let mut partitions = BTreeSet::new();
    for (name, topic) in admin.describe_topics(&names).await? {
        let topic = match topic {
            // Commits for a topic that was deleted stay as they are.
            Err(error) if error.kind() == ErrorKind::NotFound && !command.topics.contains(&name) => continue,
            topic => topic?,
        };
        let count = i32::try_from(topic.partitions.len())?;
        partitions.extend((0..count).map(|index| TopicPartition::new(topic.name.clone(), index)));
    }
    let spec = match target {
        SeekTarget::Start => OffsetSpec::Earliest,
        SeekTarget::End => OffsetSpec::Latest,
        SeekTarget::Time(time_ms) => OffsetSpec::Timestamp(time_ms),
    };
    let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let found = admin.list_offsets(&asked, IsolationLevel::ReadUncommitted).await?;
    let bounds = Bounds::of(admin, &partitions).await?;
    let offset = |partition: TopicPartition| {
        let listed = found.get(&partition);
        let offset = listed.and_then(|listed| listed.offset).or_else(|| bounds.end(&partition))?;
        Some((partition, OffsetToCommit::new(offset)))
    };
    Ok(partitions.into_iter().filter_map(offset).collect())
}

/// As many records forward or back, but not out of the partition.
async fn shifted(admin: &Admin, prior: &Committed, records: i64) -> anyhow::Result<Wanted> {
    let partitions = prior.keys().cloned().collect();
    let bounds = Bounds::of(admin, &partitions).await?;
    let moved = |(partition, committed): (&TopicPartition, &CommittedOffset)| {
        let (start, end) = (bounds.start(partition)?, bounds.end(partition)?);
        let offset = committed.offset.saturating_add(records).min(end).max(start);
        Some((partition.clone(), OffsetToCommit::new(offset)))
    };
    Ok(prior.iter().filter_map(moved).collect())
}

fn from_file(file: &Path, text: &str) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (partition, offset) = match *words.as_slice() {
            [] => continue,
            [topic, partition, offset] => {
                let index = partition.parse::<i32>().ok().filter(|index| *index >= 0);
                let offset = offset.parse::<i64>().ok().filter(|offset| *offset >= 0);
                (index.map(|index| TopicPartition::new(topic, index)), offset)
            }
            _ => (None, None),
        };
        let (Some(partition), Some(offset)) = (partition, offset) else {
            let place = format!("{}:{number}", file.display());
            return Err(invalid(format!("{place}: `{line}` is not `TOPIC PARTITION OFFSET`")));
        };
        if wanted.insert(partition.clone(), OffsetToCommit::new(offset)).is_some() {
            return Err(invalid(format!("{}:{number}: {partition} is there twice", file.display())));
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests;
