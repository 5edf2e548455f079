//! The checkpoint texts as Kafka writes them.

use std::io::IoSlice;

use proptest::prelude::*;

use super::*;
use crate::fs::sim::SimFileSystem;
use crate::fs::{OpenMode, write_all_at};

fn put(fs: &SimFileSystem, path: &Path, text: &str) {
    let file = fs.open(path, OpenMode::Empty).unwrap();
    write_all_at(&*file, &mut [IoSlice::new(text.as_bytes())], 0).unwrap();
}

#[test]
fn offsets_are_written_as_kafka_does() {
    let (fs, path) = (SimFileSystem::new(0), Path::new(RECOVERY_POINT_FILE));
    let offsets = Offsets::from([(("a-b".to_owned(), 0), 7), (("t".to_owned(), 12), 1 << 40)]);
    write_offsets(&fs, path, &offsets, Durable::Yes).unwrap();
    let text = read_file(&fs, path, 1000).unwrap().unwrap();
    assert_eq!(text, b"0\n2\na-b 0 7\nt 12 1099511627776\n");
    assert_eq!(read_offsets(&fs, path).unwrap(), offsets);
    assert!(read_offsets(&fs, Path::new("absent")).unwrap().is_empty());
}

#[test]
fn leader_epochs_come_back_and_must_rise() {
    let (fs, path) = (SimFileSystem::new(0), Path::new(LEADER_EPOCH_FILE));
    write_leader_epochs(&fs, path, &[(0, 0), (3, 17), (4, 17)], Durable::OldOrNew).unwrap();
    assert_eq!(read_file(&fs, path, 1000).unwrap().unwrap(), b"0\n3\n0 0\n3 17\n4 17\n");
    assert_eq!(read_leader_epochs(&fs, path).unwrap(), [(0, 0), (3, 17), (4, 17)]);
    put(&fs, path, "0\n2\n3 5\n3 6\n");
    assert!(matches!(read_leader_epochs(&fs, path), Err(LogError::Corrupt { position: 8, .. })));
}

#[test]
fn partition_metadata_comes_back() {
    let (fs, path) = (SimFileSystem::new(0), Path::new(PARTITION_METADATA_FILE));
    assert_eq!(read_partition_metadata(&fs, path).unwrap(), None);
    write_partition_metadata(&fs, path, Uuid::from_u128(1), Durable::OldOrNew).unwrap();
    let text = read_file(&fs, path, 1000).unwrap().unwrap();
    assert_eq!(text, b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
    assert_eq!(read_partition_metadata(&fs, path).unwrap(), Some(Uuid::from_u128(1)));
}

#[test]
fn a_power_cut_leaves_the_old_or_the_new_checkpoint() {
    for seed in 0..100 {
        let (fs, path) = (SimFileSystem::new(seed), Path::new(LEADER_EPOCH_FILE));
        write_leader_epochs(&fs, path, &[(0, 0)], Durable::OldOrNew).unwrap();
        fs.sync_dir(Path::new("")).unwrap();
        write_leader_epochs(&fs, path, &[(0, 0), (1, 5)], Durable::OldOrNew).unwrap();
        fs.power_cut();
        assert!(read_leader_epochs(&fs, path).unwrap().starts_with(&[(0, 0)]), "seed {seed}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[0-9a-z \n-]{0,60}") {
        let (fs, path) = (SimFileSystem::new(0), Path::new("file"));
        put(&fs, path, &text);
        _ = read_offsets(&fs, path);
        _ = read_leader_epochs(&fs, path);
        _ = read_partition_metadata(&fs, path);
    }

    #[test]
    fn a_cut_checkpoint_is_never_taken_for_a_whole_one(cut in 0_usize..30) {
        let (fs, path) = (SimFileSystem::new(0), Path::new("file"));
        let text = "0\n3\nabc 0 10\nabc 1 20\nabc 2 300\n";
        put(&fs, path, &text[..cut.min(text.len() - 5)]);
        prop_assert!(read_offsets(&fs, path).is_err());
    }
}
