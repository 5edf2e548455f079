//! Where a group stands in each partition that it has committed or been given.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use millstream_client::admin::{
    CommittedOffset, GroupDescription, GroupMemberDescription, IsolationLevel, ListedOffset, OffsetSpec,
};
use millstream_client::{Admin, TopicPartition};

/// A partition of a group.
#[derive(Debug)]
pub(super) struct Position<'a> {
    pub(super) partition: TopicPartition,
    pub(super) committed: Option<CommittedOffset>,
    /// The first offset; none where the partition does not exist any more.
    pub(super) start: Option<i64>,
    /// The offset behind the last; none where the partition does not exist any more.
    pub(super) end: Option<i64>,
    /// The member that reads it.
    pub(super) member: Option<&'a GroupMemberDescription>,
}

impl Position<'_> {
    pub(super) fn committed_offset(&self) -> Option<i64> {
        self.committed.as_ref().map(|committed| committed.offset)
    }

    /// Records that are left to read, from the start where nothing is committed.
    pub(super) fn lag(&self) -> Option<i64> {
        let next = self.committed_offset().or(self.start)?;
        Some((self.end? - next).max(0))
    }
}

/// First and last offsets of partitions.
pub(super) struct Bounds {
    starts: HashMap<TopicPartition, ListedOffset>,
    ends: HashMap<TopicPartition, ListedOffset>,
}

impl Bounds {
    /// Asks for those of the partitions that exist.
    ///
    /// # Errors
    /// Those of connecting, and of brokers.
    pub(super) async fn of(admin: &Admin, partitions: &BTreeSet<TopicPartition>) -> anyhow::Result<Self> {
        let existing = existing(admin, partitions).await?;
        let ask = |spec| existing.iter().map(|partition| (partition.clone(), spec)).collect::<Vec<_>>();
        let level = IsolationLevel::ReadUncommitted;
        Ok(Self {
            starts: admin.list_offsets(&ask(OffsetSpec::Earliest), level).await?,
            ends: admin.list_offsets(&ask(OffsetSpec::Latest), level).await?,
        })
    }

    pub(super) fn start(&self, partition: &TopicPartition) -> Option<i64> {
        self.starts.get(partition)?.offset
    }

    pub(super) fn end(&self, partition: &TopicPartition) -> Option<i64> {
        self.ends.get(partition)?.offset
    }
}

/// Those of the partitions whose topics are still there.
async fn existing(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
) -> anyhow::Result<Vec<TopicPartition>> {
    let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, topic) in admin.describe_topics(&topics).await? {
        match topic {
            Ok(topic) => drop(counts.insert(name, topic.partitions.len())),
            Err(error) if error.kind() == millstream_client::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let exists = |partition: &&TopicPartition| {
        let count = counts.get(&*partition.topic).copied().unwrap_or_default();
        usize::try_from(partition.partition).is_ok_and(|index| index < count)
    };
    Ok(partitions.iter().filter(exists).cloned().collect())
}

/// Where a group stands, sorted by partition.
///
/// # Errors
/// Those of connecting, and of brokers.
pub(super) async fn positions<'a>(
    admin: &Admin,
    group: &'a GroupDescription,
) -> anyhow::Result<Vec<Position<'a>>> {
    let mut committed = admin.committed_offsets(&group.group_id, None, false).await?;
    let readers: HashMap<&TopicPartition, &GroupMemberDescription> = group
        .members
        .iter()
        .flat_map(|member| member.assignment.iter().map(move |partition| (partition, member)))
        .collect();
    let known = committed.keys().chain(readers.keys().copied());
    let partitions: BTreeSet<TopicPartition> = known.cloned().collect();
    let bounds = Bounds::of(admin, &partitions).await?;
    let position = |partition: TopicPartition| Position {
        committed: committed.remove(&partition),
        start: bounds.start(&partition),
        end: bounds.end(&partition),
        member: readers.get(&partition).copied(),
        partition,
    };
    Ok(partitions.into_iter().map(position).collect())
}
