use super::*;

#[test]
fn every_code_has_a_kind_and_retriable_codes_have_a_useful_one() {
    for number in -1..=133 {
        let error = ClientError::broker(ApiKey::Produce, Subject::Request, number, None);
        if error.is_retriable() {
            let kind = error.kind();
            assert!(
                matches!(
                    kind,
                    ErrorKind::Retriable | ErrorKind::NotFound | ErrorKind::Timeout | ErrorKind::Data
                ),
                "{number}: {kind:?}"
            );
        }
    }
    assert_eq!(ClientError::broker(ApiKey::Produce, Subject::Request, 999, None).kind(), ErrorKind::Fatal);
}

#[test]
fn messages_say_what_where_and_what_next() {
    let subject = Subject::Partition(TopicPartition::new("readings", 2));
    let error = ClientError::broker(ApiKey::Fetch, subject, 3, None);
    assert_eq!(
        error.to_string(),
        "Fetch of readings-2: UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition; create \
         the topic or check its name"
    );
    let delivery = ClientError::Delivery {
        partition: TopicPartition::new("t", 0),
        records: 3,
        first_timestamp_ms: 7,
        first_key: Some(bytes::Bytes::from_static(b"EWR\n")),
        cause: Box::new(ClientError::broker(ApiKey::Produce, Subject::Request, 10, Some("too large."))),
    };
    assert_eq!(delivery.code(), Some(ErrorCode::MessageTooLarge));
    assert_eq!(
        delivery.to_string(),
        "3 records to t-0 (the first with timestamp 7 and key \"EWR\\n\") were not acknowledged: Produce: \
         MESSAGE_TOO_LARGE: too large; make records smaller or raise the topic's max.message.bytes"
    );
}
