//! Which of Kafka's definitions become Rust, in which module, and which parts are written by hand instead.

/// Requests and responses that clients exchange with a broker, by the name that both definitions start with.
/// Broker-internal APIs, delegation tokens, share groups and streams groups are left out until something serves them.
pub(super) const APIS: &[&str] = &[
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "SaslAuthenticate",
    "CreatePartitions",
    "DeleteGroups",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "OffsetDelete",
    "DescribeClientQuotas",
    "AlterClientQuotas",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "DescribeQuorum",
    "UpdateFeatures",
    "DescribeCluster",
    "DescribeProducers",
    "DescribeTransactions",
    "ListTransactions",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "ListConfigResources",
    "DescribeTopicPartitions",
];

/// Messages with codecs written by hand, because their record bytes must never be copied.
pub(super) const HAND_WRITTEN: &[&str] = &["ProduceRequest", "FetchResponse"];

/// Definitions whose strings borrow the received frame (`ByteString`) instead of being copied out of it: those on
/// the data path, which are decoded, used and dropped. Strings elsewhere outlive their frame, and must not pin it.
pub(super) const BORROWED_STRINGS: &[&str] =
    &["RequestHeader", "ProduceResponse", "FetchRequest", "MetadataRequest", "MetadataResponse"];

/// Fields (struct, field) that `Debug` leaves out, because they are or contain passwords.
pub(super) const SECRETS: &[(&str, &str)] = &[
    ("SaslAuthenticateRequest", "AuthBytes"),
    ("SaslAuthenticateResponse", "AuthBytes"),
    ("ScramCredentialUpsertion", "SaltedPassword"),
];

/// Modules that are not an API: their name, what they hold, and their definitions.
pub(super) const OTHER_MODULES: &[(&str, &str, &[&str])] = &[
    ("header", "The headers of requests and responses", &["RequestHeader", "ResponseHeader"]),
    (
        "consumer_protocol",
        "What members of a classic consumer group tell each other through the coordinator",
        &["ConsumerProtocolSubscription", "ConsumerProtocolAssignment"],
    ),
    ("end_txn_marker", "The value of a transaction marker", &["EndTxnMarker"]),
    (
        "offset_commit_record",
        "A committed offset in `__consumer_offsets`",
        &["LegacyOffsetCommitKey", "LegacyOffsetCommitValue", "OffsetCommitKey", "OffsetCommitValue"],
    ),
    (
        "group_metadata_record",
        "A classic group in `__consumer_offsets`",
        &["GroupMetadataKey", "GroupMetadataValue"],
    ),
    (
        "consumer_group_record",
        "A consumer group (KIP-848) and its members in `__consumer_offsets`",
        &[
            "ConsumerGroupMetadataKey",
            "ConsumerGroupMetadataValue",
            "ConsumerGroupPartitionMetadataKey",
            "ConsumerGroupPartitionMetadataValue",
            "ConsumerGroupMemberMetadataKey",
            "ConsumerGroupMemberMetadataValue",
            "ConsumerGroupRegularExpressionKey",
            "ConsumerGroupRegularExpressionValue",
        ],
    ),
    (
        "consumer_group_assignment_record",
        "The assignments of a consumer group (KIP-848) in `__consumer_offsets`",
        &[
            "ConsumerGroupTargetAssignmentMetadataKey",
            "ConsumerGroupTargetAssignmentMetadataValue",
            "ConsumerGroupTargetAssignmentMemberKey",
            "ConsumerGroupTargetAssignmentMemberValue",
            "ConsumerGroupCurrentMemberAssignmentKey",
            "ConsumerGroupCurrentMemberAssignmentValue",
        ],
    ),
    (
        "transaction_log_record",
        "A transactional id in `__transaction_state`",
        &["TransactionLogKey", "TransactionLogValue"],
    ),
];
