//! Against bytes that Apache Kafka 4.3's own classes wrote.

use super::*;

const PREPARED: &str = "000100000000000000077fff0000ea60020202740300000000000000030000000000000008ae\
    000000000000045703000800000000000000070108000000000000000802020002";
const EMPTY: &str = "0001000000000000000700000000ea60000000000000000008aeffffffffffffffff00";
const PREPARED_V0: &str = "000000000000000000077fff0000ea600200000001000174000000020000000000000003\
    00000000000008ae0000000000000457";
const KEY: &str = "00000003616263";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn prepared() -> Transaction {
    Transaction {
        producer: ProducerIdentity { id: 7, epoch: i16::MAX },
        previous_producer_id: 7,
        next_producer_id: Some(8),
        partitions: TopicPartitions::from_iter([("t", 0), ("t", 3)]),
        state: TransactionState::PrepareCommit,
        start_ms: 1111,
        version: TransactionVersion::V2,
        ..Transaction::new(7, 60_000, 2222)
    }
}

fn empty() -> Transaction {
    let producer = ProducerIdentity { id: 7, epoch: 0 };
    Transaction { producer, ..Transaction::new(7, 60_000, 2222) }
}

#[test]
fn records_are_those_of_kafka() {
    for (transaction, value) in [(prepared(), PREPARED), (empty(), EMPTY)] {
        let record = encode("abc", Some(&transaction)).unwrap();
        assert_eq!((&record.key[..], record.value.as_deref()), (&bytes(KEY)[..], Some(&bytes(value)[..])));
        let read = decode(&bytes(KEY), Some(&bytes(value))).unwrap();
        assert_eq!(read, Some(("abc".to_owned(), Some(transaction))));
    }
}

#[test]
fn the_older_version_is_read() {
    let read = decode(&bytes(KEY), Some(&bytes(PREPARED_V0))).unwrap().unwrap().1.unwrap();
    let expected = Transaction {
        previous_producer_id: -1,
        next_producer_id: None,
        version: TransactionVersion::V0,
        ..prepared()
    };
    assert_eq!(read, expected);
}

#[test]
fn a_record_without_a_value_takes_the_id_back() {
    let record = encode("abc", None).unwrap();
    assert_eq!(record.value, None);
    assert_eq!(decode(&record.key, None).unwrap(), Some(("abc".to_owned(), None)));
}

#[test]
fn foreign_and_broken_records_are_told_apart() {
    assert_eq!(decode(&[0, 9, 1, 2], Some(&[])).unwrap(), None);
    assert!(decode(&bytes(KEY)[..5], None).is_err());
    for end in 0..bytes(PREPARED).len() {
        assert!(decode(&bytes(KEY), Some(&bytes(PREPARED)[..end])).is_err(), "cut at {end}");
    }
    let mut odd = bytes(EMPTY);
    odd[16] = 9;
    assert!(decode(&bytes(KEY), Some(&odd)).is_err(), "a state that does not exist");
}
