//! Who may open a data directory, and what it says about the process before.

use std::io::IoSlice;

use super::*;
use crate::ErrorKind;
use crate::fs::sim::SimFileSystem;
use crate::fs::{OpenMode, RealFileSystem, write_all_at};

fn open(fs: &SimFileSystem) -> Result<(DataDirectory, PreviousRun)> {
    DataDirectory::open(Arc::new(fs.clone()), Path::new("data"))
}

fn put(fs: &SimFileSystem, path: &str, text: &str) {
    fs.create_dir_all(Path::new("data")).unwrap();
    let file = fs.open(Path::new(path), OpenMode::Empty).unwrap();
    write_all_at(&*file, &mut [IoSlice::new(text.as_bytes())], 0).unwrap();
}

#[test]
fn a_second_process_is_refused_in_one_sentence_with_the_next_step() {
    let temporary = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let first = DataDirectory::open(fs.clone(), temporary.path()).unwrap();
    let error = DataDirectory::open(fs.clone(), temporary.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains("is in use by another process; stop that one, or choose another"),
        "{error}"
    );
    drop(first);
    assert!(DataDirectory::open(fs, temporary.path()).is_ok());
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let fs = SimFileSystem::new(0);
    put(&fs, "data/millstream.format", "version=2\n");
    let before = fs.read_dir(Path::new("data")).unwrap().len();
    assert!(matches!(open(&fs), Err(LogError::FormatTooNew { found: 2, supported: 1, .. })));
    assert_eq!(fs.read_dir(Path::new("data")).unwrap().len(), before + 1, "only the lock file");
}

#[test]
fn kafkas_own_directory_is_refused() {
    let fs = SimFileSystem::new(0);
    put(&fs, "data/meta.properties", "version=1\n");
    assert!(matches!(open(&fs), Err(LogError::ForeignDirectory { .. })));
}

#[test]
fn the_previous_run_is_told_by_marker_and_boot() {
    let fs = SimFileSystem::new(0);
    let (directory, previous) = open(&fs).unwrap();
    assert_eq!(previous, PreviousRun::None);
    directory.initialise().unwrap();
    directory.mark_running(PreviousRun::None).unwrap();
    fs.kill();
    let (directory, previous) = open(&fs).unwrap();
    assert_eq!(previous, PreviousRun::Killed);
    directory.mark_running(PreviousRun::Killed).unwrap();
    directory.mark_clean().unwrap();
    fs.power_cut();
    let (directory, previous) = open(&fs).unwrap();
    assert_eq!(previous, PreviousRun::Clean);
    directory.mark_running(PreviousRun::Clean).unwrap();
    fs.power_cut();
    assert_eq!(open(&fs).unwrap().1, PreviousRun::PowerCut);
}
