//! What `group` takes and refuses.

use super::{SeekTarget, TopicPartitions};

#[test]
fn times_have_the_units_that_their_digits_say() {
    let time = 1_356_998_400_000;
    for text in ["1356998400", "1356998400000", "1356998400000000000", "@1356998400000", "2013-01-01"] {
        assert_eq!(SeekTarget::parse(text), Ok(SeekTarget::Time(time)), "{text}");
    }
    assert_eq!(SeekTarget::parse("start"), Ok(SeekTarget::Start));
    assert_eq!(SeekTarget::parse("end"), Ok(SeekTarget::End));
    assert!(matches!(SeekTarget::parse("-1h"), Ok(SeekTarget::Time(_))));
}

#[test]
fn an_offset_is_not_taken_for_a_time() {
    for text in ["0", "47", "123456789012", "", "@", "tomorrow", "9999999999999999999"] {
        let refused = SeekTarget::parse(text).unwrap_err();
        assert!(refused.contains("`start`, `end` or a time"), "{refused}");
    }
}

#[test]
fn partitions_follow_a_colon() {
    let some = TopicPartitions { topic: "t".to_owned(), partitions: Some(vec![0, 3]) };
    assert_eq!(TopicPartitions::parse("t:0,3"), Ok(some));
    assert_eq!(TopicPartitions::parse("t").unwrap().partitions, None);
    assert!(TopicPartitions::parse("t:x").is_err());
}
