//! The offset that one group commits, and what it was told of it.

use millstream_wire::ErrorCode;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};

use super::client::{Client, TRIES, assert_retriable, result};

/// A member of a group, in a generation or epoch.
pub(super) type Membership<'a> = (&'a str, i32);
/// Nobody's: the offsets of a group without members.
pub(super) const NO_MEMBER: Membership<'static> = ("", -1);

/// The offset of a group in partition 0 of a topic.
#[derive(Debug)]
pub(super) struct CommittedOffset {
    group: String,
    topic: &'static str,
    /// The last one that was acknowledged or shown, −1 for none.
    committed: i64,
    /// Later ones that were asked for.
    maybe_committed: Vec<i64>,
    next: i64,
}

impl CommittedOffset {
    pub(super) fn new(group: String, topic: &'static str) -> Self {
        Self { group, topic, committed: -1, maybe_committed: Vec::new(), next: 1 }
    }

    pub(super) async fn commit(
        &mut self,
        client: &mut Client,
        (member_id, generation): Membership<'_>,
    ) -> Option<()> {
        let offset = self.next;
        self.next += 1;
        self.maybe_committed.push(offset);
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic = OffsetCommitRequestTopic {
            name: self.topic.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.group.as_str().into(),
            generation_id_or_member_epoch: generation,
            member_id: member_id.into(),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        match result(client.ask(9, request).await?.topics[0].partitions[0].error_code) {
            Ok(()) => {
                self.committed = offset;
                self.maybe_committed.clear();
            }
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    pub(super) async fn look(&mut self, client: &mut Client) -> Option<()> {
        match fetch_offset(client, &self.group, self.topic).await? {
            Ok(offset) => self.found(offset, "as it runs"),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    /// Compares what is found after a start with what was told.
    pub(super) async fn check(&mut self, client: &mut Client, story: &str) {
        let offset = fetch_settled_offset(client, &self.group, self.topic, story).await;
        self.found(offset, story);
        self.maybe_committed.clear();
    }

    /// The topic is gone, and the offset with it.
    pub(super) fn forget(&mut self) {
        self.committed = -1;
        self.maybe_committed.clear();
    }

    /// It is the last one that was acknowledged, or one that was asked for since. What is shown once stays.
    fn found(&mut self, offset: i64, story: &str) {
        let Self { group, topic, committed, maybe_committed, .. } = &*self;
        assert!(
            offset == *committed || maybe_committed.contains(&offset),
            "{story}: {group} committed {committed} in {topic}, maybe {maybe_committed:?}, and finds {offset}"
        );
        self.committed = offset;
        self.maybe_committed.retain(|&maybe| maybe > offset);
    }
}

/// The offset of a group that nobody changes.
pub(super) async fn fetch_settled_offset(
    client: &mut Client,
    group: &str,
    topic: &'static str,
    story: &str,
) -> i64 {
    for _ in 0..TRIES {
        match fetch_offset(client, group, topic).await {
            Some(Ok(offset)) => return offset,
            Some(Err(ErrorCode::CoordinatorLoadInProgress | ErrorCode::UnstableOffsetCommit)) => {}
            other => panic!("{story}: offsets of {group}: {other:?}"),
        }
    }
    panic!("{story}: offsets of {group} do not become stable")
}

async fn fetch_offset(
    client: &mut Client,
    group: &str,
    topic: &'static str,
) -> Option<Result<i64, ErrorCode>> {
    let topic = OffsetFetchRequestTopics {
        name: topic.into(),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: group.into(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    let request =
        OffsetFetchRequest { groups: vec![group], require_stable: true, ..OffsetFetchRequest::default() };
    let response = client.ask(8, request).await?;
    let group = &response.groups[0];
    if let Err(error) = result(group.error_code) {
        return Some(Err(error));
    }
    let partition = &group.topics[0].partitions[0];
    Some(result(partition.error_code).map(|()| partition.committed_offset))
}
