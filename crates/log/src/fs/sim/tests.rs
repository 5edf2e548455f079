//! The simulation must forget exactly what POSIX lets a crash forget.

use std::io::{self, IoSlice};
use std::path::Path;

use super::{Fault, SimFileSystem};
use crate::fs::{FileSystem, OpenMode, read_file, write_all_at};

fn write(fs: &SimFileSystem, path: &str, bytes: &[u8], position: u64) -> io::Result<()> {
    let file = fs.open(Path::new(path), OpenMode::OrCreate)?;
    write_all_at(&*file, &mut [IoSlice::new(bytes)], position)
}

fn content(fs: &SimFileSystem, path: &str) -> Option<Vec<u8>> {
    read_file(fs, Path::new(path), 1 << 20).unwrap()
}

#[test]
fn synced_bytes_under_a_synced_name_survive_every_power_cut() {
    for seed in 0..200 {
        let fs = SimFileSystem::new(seed);
        write(&fs, "file", &[1; 3000], 0).unwrap();
        fs.open(Path::new("file"), OpenMode::Existing).unwrap().sync_data().unwrap();
        fs.sync_dir(Path::new("")).unwrap();
        write(&fs, "file", &[2; 3000], 3000).unwrap();
        fs.power_cut();
        let found = content(&fs, "file").unwrap();
        assert!((3000..=6000).contains(&found.len()));
        assert_eq!(found[..3000], [1; 3000]);
        assert!(found[3000..].iter().all(|byte| [0, 2].contains(byte)));
    }
}

#[test]
fn unsynced_names_and_pages_survive_sometimes() {
    let (mut named, mut whole) = (0, 0);
    for seed in 0..200 {
        let fs = SimFileSystem::new(seed);
        write(&fs, "file", &[1; 2000], 0).unwrap();
        fs.power_cut();
        if let Some(found) = content(&fs, "file") {
            named += 1;
            whole += usize::from(found == [1; 2000]);
        }
    }
    assert!((50..150).contains(&named), "{named}");
    assert!(whole > 0 && whole < named, "{whole}");
}

#[test]
fn a_kill_keeps_everything_and_ends_handles_and_locks() {
    let fs = SimFileSystem::new(1);
    write(&fs, "file", b"abc", 0).unwrap();
    let handle = fs.open(Path::new("file"), OpenMode::Existing).unwrap();
    let guard = fs.lock(Path::new(".lock")).unwrap();
    assert_eq!(fs.lock(Path::new(".lock")).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let boot = fs.boot_id();
    fs.kill();
    assert_eq!(content(&fs, "file").unwrap(), b"abc");
    assert!(handle.size().is_err());
    let second = fs.lock(Path::new(".lock")).unwrap();
    drop(guard);
    assert!(fs.lock(Path::new(".lock")).is_err());
    drop(second);
    assert_eq!(boot, fs.boot_id());
}

#[test]
fn a_rename_leaves_the_old_or_the_new_file() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..100 {
        let fs = SimFileSystem::new(seed);
        for (name, bytes) in [("a", b"old"), ("b", b"new")] {
            write(&fs, name, bytes, 0).unwrap();
            fs.open(Path::new(name), OpenMode::Existing).unwrap().sync_data().unwrap();
        }
        fs.sync_dir(Path::new("")).unwrap();
        fs.rename(Path::new("b"), Path::new("a")).unwrap();
        fs.power_cut();
        match &*content(&fs, "a").unwrap() {
            b"old" => old += 1,
            b"new" => new += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(old > 0 && new > 0);
}

#[test]
fn faults_strike_the_operation_they_are_set_for() {
    let fs = SimFileSystem::new(3);
    write(&fs, "file", b"0123456789", 0).unwrap();
    fs.inject(0, Fault::NoSpace);
    assert_eq!(write(&fs, "file", b"x", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    fs.inject(0, Fault::ShortWrite);
    write(&fs, "file", b"abcdefghij", 0).unwrap();
    assert_eq!(content(&fs, "file").unwrap(), b"abcdefghij");
    fs.inject(1, Fault::Stop);
    write(&fs, "file", b"X", 0).unwrap();
    assert!(write(&fs, "file", b"Y", 1).is_err());
    assert!(fs.is_stopped() && fs.read_dir(Path::new("")).is_err());
    fs.kill();
    assert!(fs.read_dir(Path::new("")).is_ok());
}

#[test]
fn what_a_failed_sync_should_have_kept_is_lost_although_a_second_sync_succeeds() {
    let fs = SimFileSystem::new(4);
    write(&fs, "file", &[1; 100], 0).unwrap();
    let file = fs.open(Path::new("file"), OpenMode::Existing).unwrap();
    file.sync_data().unwrap();
    fs.sync_dir(Path::new("")).unwrap();
    write(&fs, "file", &[2; 100], 0).unwrap();
    fs.inject(0, Fault::Device);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    fs.power_cut();
    assert_eq!(content(&fs, "file").unwrap(), [1; 100]);
}
