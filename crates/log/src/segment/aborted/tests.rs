//! The index against a list, and its bytes against Kafka's layout.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::fs::sim::SimFileSystem;

fn entry(producer_id: i64, first_offset: i64, last_offset: i64, stable: i64) -> AbortedTransaction {
    AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset: stable }
}

fn index_file() -> AbortedIndex {
    AbortedIndex::new(LazyFile::new("00000000000000000000.txnindex".into()))
}

fn cache() -> FileCache {
    FileCache::new(Arc::new(SimFileSystem::new(1)), 8)
}

#[test]
fn an_entry_has_kafkas_bytes() {
    let bytes = encode_all(&[entry(5, 7, 11, 12)]);
    let expected: Vec<u8> = [
        &[0, 0][..],
        &5_i64.to_be_bytes(),
        &7_i64.to_be_bytes(),
        &11_i64.to_be_bytes(),
        &12_i64.to_be_bytes(),
    ]
    .concat();
    assert_eq!(bytes, expected);
    assert_eq!(AbortedTransaction::decode(&bytes), Some(entry(5, 7, 11, 12)));
}

#[test]
fn an_index_that_cannot_be_is_not_trusted() {
    let sound = [entry(1, 100, 110, 111), entry(2, 90, 120, 121)];
    let cases: [(Vec<u8>, bool); 5] = [
        (encode_all(&sound), true),
        (encode_all(&sound)[..60].to_vec(), false),
        (encode_all(&[sound[1], sound[0]]), false),
        (encode_all(&[entry(1, 100, 300, 301)]), false),
        (vec![0; 34], false),
    ];
    for (bytes, trusted) in cases {
        let cache = cache();
        let index = index_file();
        replace_file(cache.fs(), &index.file.path(), &bytes, Durable::No).unwrap();
        assert_eq!(index.find_entries(&cache, bytes.len() as u64, 100, 200).unwrap(), trusted, "{bytes:?}");
        index.reconcile(&cache, 0, &sound).unwrap();
        assert_eq!(index.read_all(&cache).unwrap().unwrap(), sound);
        assert_eq!(index.file.open(&cache).unwrap().size().unwrap(), 68);
        index.reconcile(&cache, 111, &[]).unwrap();
        assert_eq!(index.read_all(&cache).unwrap().unwrap(), sound[..1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn lookups_agree_with_a_list(
        steps in prop::collection::vec((0_i64..40, 1_i64..10), 1..700),
        probes in prop::collection::vec((0_i64..4000, 0_i64..500), 10),
        reopened in any::<bool>(),
    ) {
        let cache = cache();
        let mut index = index_file();
        let (mut last, mut stable, mut model) = (0, 0, Vec::new());
        for (length, gap) in steps {
            last += gap;
            let first = (last - length).max(stable);
            stable = (last + 1 - length / 2).max(stable).min(last + 1);
            model.push(entry(1, first.min(last), last, stable));
            index.push(*model.last().unwrap());
            index.flush(&cache).unwrap();
        }
        if reopened {
            index = index_file();
            prop_assert!(index.find_entries(&cache, model.len() as u64 * 34, 0, last + 1).unwrap());
        }
        for (from, length) in probes {
            let end = from + length;
            let mut found = Vec::new();
            let decided = index.collect(&cache, from, end, &mut found).unwrap();
            prop_assert_eq!(decided, model.iter().any(|entry| entry.last_offset >= from && entry.last_stable_offset >= end));
            // Behind the first entry with which everything was decided, none can begin before the end.
            let whole = model.iter().position(|entry| entry.last_stable_offset >= end).map_or(model.len(), |at| at + 1);
            let least: Vec<_> = model[..whole]
                .iter()
                .filter(|entry| entry.last_offset >= from && entry.first_offset < end)
                .copied()
                .collect();
            prop_assert!(least.iter().all(|entry| found.contains(entry)), "{from} {end}");
            prop_assert!(found.iter().all(|entry| entry.last_offset >= from && entry.first_offset < end));
        }
    }
}
