//! From what was typed to offsets: which partitions are read, from where, and up to where.

use std::collections::HashMap;

use millstream_client::admin::{IsolationLevel, ListedOffset, OffsetSpec};
use millstream_client::{Admin, Client, ClientError, Start, TopicPartition};

use crate::cli::{OffsetRange, RangeEnd, RangeStart};

/// What is read of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) partition: TopicPartition,
    /// An offset that the partition has, or its end.
    pub(super) start: Start,
    /// The first offset that is not read any more.
    pub(super) stop: Option<i64>,
    /// Records before it are left out: behind `start` if the first offset asked for is not written yet.
    pub(super) first: i64,
}

/// The partitions of these topics, or those of them that are listed.
///
/// # Errors
/// When a topic or a listed partition does not exist.
pub(super) async fn partitions(
    client: &Client,
    topics: &[String],
    listed: &[i32],
) -> Result<Vec<TopicPartition>, ClientError> {
    let mut partitions = Vec::new();
    for name in topics {
        let topic = client.topic(name).await?;
        let count = topic.partitions.len();
        let absent =
            |partition: &&i32| usize::try_from(**partition).map_or(true, |partition| partition >= count);
        if let Some(&partition) = listed.iter().find(absent) {
            return Err(ClientError::NoSuchPartition { topic: topic.name.clone(), partition, count });
        }
        let is_wanted = |partition: &i32| listed.is_empty() || listed.contains(partition);
        let wanted = (0..count as i32).filter(is_wanted);
        partitions.extend(wanted.map(|partition| TopicPartition::new(topic.name.clone(), partition)));
    }
    Ok(partitions)
}

/// The part of each partition that lies in the range, without partitions in which nothing does.
///
/// # Errors
/// When the cluster does not say what offsets it has.
pub(super) async fn spans(
    admin: &Admin,
    partitions: Vec<TopicPartition>,
    range: OffsetRange,
    isolation: IsolationLevel,
) -> Result<Vec<Span>, ClientError> {
    let list = async |spec: OffsetSpec| {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
        admin.list_offsets(&asked, isolation).await
    };
    let starts = list(OffsetSpec::Earliest).await?;
    let ends = list(OffsetSpec::Latest).await?;
    let from_times = match range.from {
        RangeStart::Time(time_ms) => list(OffsetSpec::Timestamp(time_ms)).await?,
        _ => HashMap::new(),
    };
    let until_times = match range.until {
        Some(RangeEnd::Time(time_ms)) => list(OffsetSpec::Timestamp(time_ms)).await?,
        _ => HashMap::new(),
    };
    let offset = |listed: &HashMap<TopicPartition, ListedOffset>, partition: &TopicPartition| {
        listed.get(partition).and_then(|listed| listed.offset)
    };
    let span = |partition: &TopicPartition| {
        let known = Known {
            start: offset(&starts, partition).unwrap_or_default(),
            end: offset(&ends, partition).unwrap_or_default(),
            from_time: offset(&from_times, partition),
            until_time: offset(&until_times, partition),
        };
        known.span(partition, range)
    };
    Ok(partitions.iter().filter_map(span).collect())
}

/// Offsets of a partition.
#[derive(Debug, Clone, Copy)]
struct Known {
    start: i64,
    end: i64,
    /// Of the first record of the range's times or later, if there is one.
    from_time: Option<i64>,
    until_time: Option<i64>,
}

impl Known {
    fn span(&self, partition: &TopicPartition, range: OffsetRange) -> Option<Span> {
        let first = match range.from {
            RangeStart::Start => self.start,
            RangeStart::End => self.end,
            RangeStart::Offset(offset) => offset.max(self.start),
            RangeStart::AfterStart(count) => self.start.saturating_add(count),
            RangeStart::BeforeEnd(count) => self.end.saturating_sub(count).max(self.start),
            RangeStart::Time(_) => self.from_time.unwrap_or(self.end),
        };
        let stop = range.until.map(|until| match until {
            RangeEnd::End => self.end,
            RangeEnd::Offset(offset) => offset,
            RangeEnd::Time(_) => self.until_time.unwrap_or(self.end),
        });
        let has_records = stop.is_none_or(|stop| stop > first);
        let start = Start::at(first.min(self.end));
        has_records.then(|| Span { partition: partition.clone(), start, stop, first })
    }
}

#[cfg(test)]
mod tests;
