//! The keys of Kafka's APIs.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::protocol::VersionRange;

/// An API of Kafka's protocol; the discriminant is its key on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApiKey {
    /// Produce, key 0.
    Produce = 0,
    /// Fetch, key 1.
    Fetch = 1,
    /// ListOffsets, key 2.
    ListOffsets = 2,
    /// Metadata, key 3.
    Metadata = 3,
    /// LeaderAndIsr, key 4.
    LeaderAndIsr = 4,
    /// StopReplica, key 5.
    StopReplica = 5,
    /// UpdateMetadata, key 6.
    UpdateMetadata = 6,
    /// ControlledShutdown, key 7.
    ControlledShutdown = 7,
    /// OffsetCommit, key 8.
    OffsetCommit = 8,
    /// OffsetFetch, key 9.
    OffsetFetch = 9,
    /// FindCoordinator, key 10.
    FindCoordinator = 10,
    /// JoinGroup, key 11.
    JoinGroup = 11,
    /// Heartbeat, key 12.
    Heartbeat = 12,
    /// LeaveGroup, key 13.
    LeaveGroup = 13,
    /// SyncGroup, key 14.
    SyncGroup = 14,
    /// DescribeGroups, key 15.
    DescribeGroups = 15,
    /// ListGroups, key 16.
    ListGroups = 16,
    /// SaslHandshake, key 17.
    SaslHandshake = 17,
    /// ApiVersions, key 18.
    ApiVersions = 18,
    /// CreateTopics, key 19.
    CreateTopics = 19,
    /// DeleteTopics, key 20.
    DeleteTopics = 20,
    /// DeleteRecords, key 21.
    DeleteRecords = 21,
    /// InitProducerId, key 22.
    InitProducerId = 22,
    /// OffsetForLeaderEpoch, key 23.
    OffsetForLeaderEpoch = 23,
    /// AddPartitionsToTxn, key 24.
    AddPartitionsToTxn = 24,
    /// AddOffsetsToTxn, key 25.
    AddOffsetsToTxn = 25,
    /// EndTxn, key 26.
    EndTxn = 26,
    /// WriteTxnMarkers, key 27.
    WriteTxnMarkers = 27,
    /// TxnOffsetCommit, key 28.
    TxnOffsetCommit = 28,
    /// DescribeAcls, key 29.
    DescribeAcls = 29,
    /// CreateAcls, key 30.
    CreateAcls = 30,
    /// DeleteAcls, key 31.
    DeleteAcls = 31,
    /// DescribeConfigs, key 32.
    DescribeConfigs = 32,
    /// AlterConfigs, key 33.
    AlterConfigs = 33,
    /// AlterReplicaLogDirs, key 34.
    AlterReplicaLogDirs = 34,
    /// DescribeLogDirs, key 35.
    DescribeLogDirs = 35,
    /// SaslAuthenticate, key 36.
    SaslAuthenticate = 36,
    /// CreatePartitions, key 37.
    CreatePartitions = 37,
    /// CreateDelegationToken, key 38.
    CreateDelegationToken = 38,
    /// RenewDelegationToken, key 39.
    RenewDelegationToken = 39,
    /// ExpireDelegationToken, key 40.
    ExpireDelegationToken = 40,
    /// DescribeDelegationToken, key 41.
    DescribeDelegationToken = 41,
    /// DeleteGroups, key 42.
    DeleteGroups = 42,
    /// ElectLeaders, key 43.
    ElectLeaders = 43,
    /// IncrementalAlterConfigs, key 44.
    IncrementalAlterConfigs = 44,
    /// AlterPartitionReassignments, key 45.
    AlterPartitionReassignments = 45,
    /// ListPartitionReassignments, key 46.
    ListPartitionReassignments = 46,
    /// OffsetDelete, key 47.
    OffsetDelete = 47,
    /// DescribeClientQuotas, key 48.
    DescribeClientQuotas = 48,
    /// AlterClientQuotas, key 49.
    AlterClientQuotas = 49,
    /// DescribeUserScramCredentials, key 50.
    DescribeUserScramCredentials = 50,
    /// AlterUserScramCredentials, key 51.
    AlterUserScramCredentials = 51,
    /// Vote, key 52.
    Vote = 52,
    /// BeginQuorumEpoch, key 53.
    BeginQuorumEpoch = 53,
    /// EndQuorumEpoch, key 54.
    EndQuorumEpoch = 54,
    /// DescribeQuorum, key 55.
    DescribeQuorum = 55,
    /// AlterPartition, key 56.
    AlterPartition = 56,
    /// UpdateFeatures, key 57.
    UpdateFeatures = 57,
    /// Envelope, key 58.
    Envelope = 58,
    /// FetchSnapshot, key 59.
    FetchSnapshot = 59,
    /// DescribeCluster, key 60.
    DescribeCluster = 60,
    /// DescribeProducers, key 61.
    DescribeProducers = 61,
    /// BrokerRegistration, key 62.
    BrokerRegistration = 62,
    /// BrokerHeartbeat, key 63.
    BrokerHeartbeat = 63,
    /// UnregisterBroker, key 64.
    UnregisterBroker = 64,
    /// DescribeTransactions, key 65.
    DescribeTransactions = 65,
    /// ListTransactions, key 66.
    ListTransactions = 66,
    /// AllocateProducerIds, key 67.
    AllocateProducerIds = 67,
    /// ConsumerGroupHeartbeat, key 68.
    ConsumerGroupHeartbeat = 68,
    /// ConsumerGroupDescribe, key 69.
    ConsumerGroupDescribe = 69,
    /// ControllerRegistration, key 70.
    ControllerRegistration = 70,
    /// GetTelemetrySubscriptions, key 71.
    GetTelemetrySubscriptions = 71,
    /// PushTelemetry, key 72.
    PushTelemetry = 72,
    /// AssignReplicasToDirs, key 73.
    AssignReplicasToDirs = 73,
    /// ListConfigResources, key 74.
    ListConfigResources = 74,
    /// DescribeTopicPartitions, key 75.
    DescribeTopicPartitions = 75,
    /// ShareGroupHeartbeat, key 76.
    ShareGroupHeartbeat = 76,
    /// ShareGroupDescribe, key 77.
    ShareGroupDescribe = 77,
    /// ShareFetch, key 78.
    ShareFetch = 78,
    /// ShareAcknowledge, key 79.
    ShareAcknowledge = 79,
    /// AddRaftVoter, key 80.
    AddRaftVoter = 80,
    /// RemoveRaftVoter, key 81.
    RemoveRaftVoter = 81,
    /// UpdateRaftVoter, key 82.
    UpdateRaftVoter = 82,
    /// InitializeShareGroupState, key 83.
    InitializeShareGroupState = 83,
    /// ReadShareGroupState, key 84.
    ReadShareGroupState = 84,
    /// WriteShareGroupState, key 85.
    WriteShareGroupState = 85,
    /// DeleteShareGroupState, key 86.
    DeleteShareGroupState = 86,
    /// ReadShareGroupStateSummary, key 87.
    ReadShareGroupStateSummary = 87,
    /// StreamsGroupHeartbeat, key 88.
    StreamsGroupHeartbeat = 88,
    /// StreamsGroupDescribe, key 89.
    StreamsGroupDescribe = 89,
    /// DescribeShareGroupOffsets, key 90.
    DescribeShareGroupOffsets = 90,
    /// AlterShareGroupOffsets, key 91.
    AlterShareGroupOffsets = 91,
    /// DeleteShareGroupOffsets, key 92.
    DeleteShareGroupOffsets = 92,
}

/// What Kafka 4.3 says about an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiSpecification {
    pub(crate) key: ApiKey,
    pub(crate) name: &'static str,
    /// The stable versions; none where Kafka 4 has removed the API or not released it.
    pub(crate) versions: Option<VersionRange>,
    pub(crate) flexible_since: Option<i16>,
}

/// All APIs, ordered by key.
pub(crate) const SPECIFICATIONS: &[ApiSpecification] = &[
    specification(ApiKey::Produce, "Produce", Some((3, 13)), Some(9)),
    specification(ApiKey::Fetch, "Fetch", Some((4, 18)), Some(12)),
    specification(ApiKey::ListOffsets, "ListOffsets", Some((1, 11)), Some(6)),
    specification(ApiKey::Metadata, "Metadata", Some((0, 13)), Some(9)),
    specification(ApiKey::LeaderAndIsr, "LeaderAndIsr", None, None),
    specification(ApiKey::StopReplica, "StopReplica", None, None),
    specification(ApiKey::UpdateMetadata, "UpdateMetadata", None, None),
    specification(ApiKey::ControlledShutdown, "ControlledShutdown", None, None),
    specification(ApiKey::OffsetCommit, "OffsetCommit", Some((2, 10)), Some(8)),
    specification(ApiKey::OffsetFetch, "OffsetFetch", Some((1, 10)), Some(6)),
    specification(ApiKey::FindCoordinator, "FindCoordinator", Some((0, 6)), Some(3)),
    specification(ApiKey::JoinGroup, "JoinGroup", Some((0, 9)), Some(6)),
    specification(ApiKey::Heartbeat, "Heartbeat", Some((0, 4)), Some(4)),
    specification(ApiKey::LeaveGroup, "LeaveGroup", Some((0, 5)), Some(4)),
    specification(ApiKey::SyncGroup, "SyncGroup", Some((0, 5)), Some(4)),
    specification(ApiKey::DescribeGroups, "DescribeGroups", Some((0, 6)), Some(5)),
    specification(ApiKey::ListGroups, "ListGroups", Some((0, 5)), Some(3)),
    specification(ApiKey::SaslHandshake, "SaslHandshake", Some((0, 1)), None),
    specification(ApiKey::ApiVersions, "ApiVersions", Some((0, 4)), Some(3)),
    specification(ApiKey::CreateTopics, "CreateTopics", Some((2, 7)), Some(5)),
    specification(ApiKey::DeleteTopics, "DeleteTopics", Some((1, 6)), Some(4)),
    specification(ApiKey::DeleteRecords, "DeleteRecords", Some((0, 2)), Some(2)),
    specification(ApiKey::InitProducerId, "InitProducerId", Some((0, 5)), Some(2)),
    specification(ApiKey::OffsetForLeaderEpoch, "OffsetForLeaderEpoch", Some((2, 4)), Some(4)),
    specification(ApiKey::AddPartitionsToTxn, "AddPartitionsToTxn", Some((0, 5)), Some(3)),
    specification(ApiKey::AddOffsetsToTxn, "AddOffsetsToTxn", Some((0, 4)), Some(3)),
    specification(ApiKey::EndTxn, "EndTxn", Some((0, 5)), Some(3)),
    specification(ApiKey::WriteTxnMarkers, "WriteTxnMarkers", Some((1, 2)), Some(1)),
    specification(ApiKey::TxnOffsetCommit, "TxnOffsetCommit", Some((0, 5)), Some(3)),
    specification(ApiKey::DescribeAcls, "DescribeAcls", Some((1, 3)), Some(2)),
    specification(ApiKey::CreateAcls, "CreateAcls", Some((1, 3)), Some(2)),
    specification(ApiKey::DeleteAcls, "DeleteAcls", Some((1, 3)), Some(2)),
    specification(ApiKey::DescribeConfigs, "DescribeConfigs", Some((1, 4)), Some(4)),
    specification(ApiKey::AlterConfigs, "AlterConfigs", Some((0, 2)), Some(2)),
    specification(ApiKey::AlterReplicaLogDirs, "AlterReplicaLogDirs", Some((1, 2)), Some(2)),
    specification(ApiKey::DescribeLogDirs, "DescribeLogDirs", Some((1, 5)), Some(2)),
    specification(ApiKey::SaslAuthenticate, "SaslAuthenticate", Some((0, 2)), Some(2)),
    specification(ApiKey::CreatePartitions, "CreatePartitions", Some((0, 3)), Some(2)),
    specification(ApiKey::CreateDelegationToken, "CreateDelegationToken", Some((1, 3)), Some(2)),
    specification(ApiKey::RenewDelegationToken, "RenewDelegationToken", Some((1, 2)), Some(2)),
    specification(ApiKey::ExpireDelegationToken, "ExpireDelegationToken", Some((1, 2)), Some(2)),
    specification(ApiKey::DescribeDelegationToken, "DescribeDelegationToken", Some((1, 3)), Some(2)),
    specification(ApiKey::DeleteGroups, "DeleteGroups", Some((0, 2)), Some(2)),
    specification(ApiKey::ElectLeaders, "ElectLeaders", Some((0, 2)), Some(2)),
    specification(ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs", Some((0, 1)), Some(1)),
    specification(ApiKey::AlterPartitionReassignments, "AlterPartitionReassignments", Some((0, 1)), Some(0)),
    specification(ApiKey::ListPartitionReassignments, "ListPartitionReassignments", Some((0, 0)), Some(0)),
    specification(ApiKey::OffsetDelete, "OffsetDelete", Some((0, 0)), None),
    specification(ApiKey::DescribeClientQuotas, "DescribeClientQuotas", Some((0, 1)), Some(1)),
    specification(ApiKey::AlterClientQuotas, "AlterClientQuotas", Some((0, 1)), Some(1)),
    specification(
        ApiKey::DescribeUserScramCredentials,
        "DescribeUserScramCredentials",
        Some((0, 0)),
        Some(0),
    ),
    specification(ApiKey::AlterUserScramCredentials, "AlterUserScramCredentials", Some((0, 0)), Some(0)),
    specification(ApiKey::Vote, "Vote", Some((0, 2)), Some(0)),
    specification(ApiKey::BeginQuorumEpoch, "BeginQuorumEpoch", Some((0, 1)), Some(1)),
    specification(ApiKey::EndQuorumEpoch, "EndQuorumEpoch", Some((0, 1)), Some(1)),
    specification(ApiKey::DescribeQuorum, "DescribeQuorum", Some((0, 2)), Some(0)),
    specification(ApiKey::AlterPartition, "AlterPartition", Some((2, 3)), Some(0)),
    specification(ApiKey::UpdateFeatures, "UpdateFeatures", Some((0, 2)), Some(0)),
    specification(ApiKey::Envelope, "Envelope", Some((0, 0)), Some(0)),
    specification(ApiKey::FetchSnapshot, "FetchSnapshot", Some((0, 1)), Some(0)),
    specification(ApiKey::DescribeCluster, "DescribeCluster", Some((0, 2)), Some(0)),
    specification(ApiKey::DescribeProducers, "DescribeProducers", Some((0, 0)), Some(0)),
    specification(ApiKey::BrokerRegistration, "BrokerRegistration", Some((0, 4)), Some(0)),
    specification(ApiKey::BrokerHeartbeat, "BrokerHeartbeat", Some((0, 2)), Some(0)),
    specification(ApiKey::UnregisterBroker, "UnregisterBroker", Some((0, 0)), Some(0)),
    specification(ApiKey::DescribeTransactions, "DescribeTransactions", Some((0, 0)), Some(0)),
    specification(ApiKey::ListTransactions, "ListTransactions", Some((0, 2)), Some(0)),
    specification(ApiKey::AllocateProducerIds, "AllocateProducerIds", Some((0, 0)), Some(0)),
    specification(ApiKey::ConsumerGroupHeartbeat, "ConsumerGroupHeartbeat", Some((0, 1)), Some(0)),
    specification(ApiKey::ConsumerGroupDescribe, "ConsumerGroupDescribe", Some((0, 1)), Some(0)),
    specification(ApiKey::ControllerRegistration, "ControllerRegistration", Some((0, 0)), Some(0)),
    specification(ApiKey::GetTelemetrySubscriptions, "GetTelemetrySubscriptions", Some((0, 0)), Some(0)),
    specification(ApiKey::PushTelemetry, "PushTelemetry", Some((0, 0)), Some(0)),
    specification(ApiKey::AssignReplicasToDirs, "AssignReplicasToDirs", Some((0, 0)), Some(0)),
    specification(ApiKey::ListConfigResources, "ListConfigResources", Some((0, 1)), Some(0)),
    specification(ApiKey::DescribeTopicPartitions, "DescribeTopicPartitions", Some((0, 0)), Some(0)),
    specification(ApiKey::ShareGroupHeartbeat, "ShareGroupHeartbeat", Some((1, 1)), Some(0)),
    specification(ApiKey::ShareGroupDescribe, "ShareGroupDescribe", Some((1, 1)), Some(0)),
    specification(ApiKey::ShareFetch, "ShareFetch", Some((1, 2)), Some(0)),
    specification(ApiKey::ShareAcknowledge, "ShareAcknowledge", Some((1, 2)), Some(0)),
    specification(ApiKey::AddRaftVoter, "AddRaftVoter", Some((0, 1)), Some(0)),
    specification(ApiKey::RemoveRaftVoter, "RemoveRaftVoter", Some((0, 0)), Some(0)),
    specification(ApiKey::UpdateRaftVoter, "UpdateRaftVoter", Some((0, 0)), Some(0)),
    specification(ApiKey::InitializeShareGroupState, "InitializeShareGroupState", Some((0, 0)), Some(0)),
    specification(ApiKey::ReadShareGroupState, "ReadShareGroupState", Some((0, 0)), Some(0)),
    specification(ApiKey::WriteShareGroupState, "WriteShareGroupState", Some((0, 1)), Some(0)),
    specification(ApiKey::DeleteShareGroupState, "DeleteShareGroupState", Some((0, 0)), Some(0)),
    specification(ApiKey::ReadShareGroupStateSummary, "ReadShareGroupStateSummary", Some((0, 1)), Some(0)),
    specification(ApiKey::StreamsGroupHeartbeat, "StreamsGroupHeartbeat", Some((0, 0)), Some(0)),
    specification(ApiKey::StreamsGroupDescribe, "StreamsGroupDescribe", Some((0, 0)), Some(0)),
    specification(ApiKey::DescribeShareGroupOffsets, "DescribeShareGroupOffsets", Some((0, 1)), Some(0)),
    specification(ApiKey::AlterShareGroupOffsets, "AlterShareGroupOffsets", Some((0, 0)), Some(0)),
    specification(ApiKey::DeleteShareGroupOffsets, "DeleteShareGroupOffsets", Some((0, 0)), Some(0)),
];

const fn specification(
    key: ApiKey,
    name: &'static str,
    versions: Option<(i16, i16)>,
    flexible_since: Option<i16>,
) -> ApiSpecification {
    let versions = match versions {
        Some((min, max)) => Some(VersionRange::new(min, max)),
        None => None,
    };
    ApiSpecification { key, name, versions, flexible_since }
}
