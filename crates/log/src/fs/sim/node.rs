//! Files and directories of the simulated file system: what is in the page cache, and what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::SplitMix;

/// Bytes that reach the disk together.
const PAGE: usize = 512;

#[derive(Debug)]
pub(super) enum Node {
    File(FileNode),
    Directory(Directory),
}

impl Node {
    pub(super) fn sync(&mut self) {
        match self {
            Self::File(file) => file.sync(),
            Self::Directory(directory) => directory.sync(),
        }
    }

    /// After a failed sync of everything: files lose what was not synced, and say so at their next sync.
    pub(super) fn lose_unsynced(&mut self) {
        if let Self::File(file) = self
            && (!file.dirty.is_empty() || file.size_dirty)
        {
            file.forget_dirty();
            file.failed = true;
        }
    }

    /// Leaves an arbitrary part of what was not synced.
    pub(super) fn crash(&mut self, random: &mut SplitMix) {
        match self {
            Self::File(file) => file.crash(random),
            Self::Directory(directory) => directory.crash(random),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct FileNode {
    content: Vec<u8>,
    disk: Vec<u8>,
    /// Pages whose content is newer than the disk's.
    dirty: BTreeSet<usize>,
    /// Whether the size is newer than the disk's.
    size_dirty: bool,
    /// Whether a sync of everything failed for this file, and its own sync has not told yet.
    failed: bool,
}

impl FileNode {
    pub(super) fn size(&self) -> u64 {
        self.content.len() as u64
    }

    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let from = (position as usize).min(self.content.len());
        let count = buffer.len().min(self.content.len() - from);
        buffer[..count].copy_from_slice(&self.content[from..from + count]);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64) {
        let from = position as usize;
        let end = from + bytes.len();
        if end > self.content.len() {
            self.mark(self.content.len(), end);
            self.content.resize(end, 0);
            self.size_dirty = true;
        }
        self.content[from..end].copy_from_slice(bytes);
        self.mark(from, end);
    }

    pub(super) fn set_size(&mut self, size: u64) {
        let (old, new) = (self.content.len(), size as usize);
        self.mark(old.min(new), old.max(new));
        self.content.resize(new, 0);
        self.size_dirty = true;
    }

    fn mark(&mut self, from: usize, end: usize) {
        if from < end {
            self.dirty.extend(from / PAGE..=(end - 1) / PAGE);
        }
    }

    pub(super) fn sync(&mut self) {
        self.disk.resize(self.content.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            let (from, end) = (page * PAGE, ((page + 1) * PAGE).min(self.content.len()));
            if from < end {
                self.disk[from..end].copy_from_slice(&self.content[from..end]);
            }
        }
        self.size_dirty = false;
    }

    pub(super) fn sync_or_report(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.failed) {
            return Err(io::Error::other("injected device error"));
        }
        self.sync();
        Ok(())
    }

    /// After a failed sync: the pages count as clean, but the disk never got them.
    pub(super) fn forget_dirty(&mut self) {
        self.dirty.clear();
        self.size_dirty = false;
    }

    pub(super) fn damage(&mut self, position: u64) -> io::Result<()> {
        let at = position as usize;
        *self.content.get_mut(at).ok_or(io::ErrorKind::UnexpectedEof)? ^= 0x55;
        if let Some(byte) = self.disk.get_mut(at) {
            *byte ^= 0x55;
        }
        Ok(())
    }

    fn crash(&mut self, random: &mut SplitMix) {
        let old = self.disk.len();
        if self.size_dirty {
            let new = self.content.len();
            let between = old.abs_diff(new) as u64;
            let size = match random.below(4) {
                0 => old,
                1 | 2 => new,
                _ => old.min(new) + random.below(between + 1) as usize,
            };
            self.disk.resize(size, 0);
        }
        for page in std::mem::take(&mut self.dirty) {
            let (from, end) = (page * PAGE, ((page + 1) * PAGE).min(self.content.len()).min(self.disk.len()));
            if from < end && random.below(3) != 0 {
                self.disk[from..end].copy_from_slice(&self.content[from..end]);
            }
        }
        (self.size_dirty, self.failed) = (false, false);
        self.content.clone_from(&self.disk);
    }
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link { name: String, node: u64 },
    Unlink { name: String },
    Rename { from: String, to: String, node: u64 },
}

#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) entries: BTreeMap<String, u64>,
    disk: BTreeMap<String, u64>,
    unsynced: Vec<NameChange>,
}

impl Directory {
    pub(super) fn change(&mut self, change: NameChange) {
        apply(&mut self.entries, &change);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.disk.clone_from(&self.entries);
    }

    /// Every node that has a name here now, on the disk, or in a change that a crash may bring back.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u64> {
        let changed = self.unsynced.iter().filter_map(|change| match change {
            NameChange::Link { node, .. } | NameChange::Rename { node, .. } => Some(*node),
            NameChange::Unlink { .. } => None,
        });
        self.entries.values().chain(self.disk.values()).copied().chain(changed)
    }

    fn crash(&mut self, random: &mut SplitMix) {
        for change in std::mem::take(&mut self.unsynced) {
            if random.flip() {
                apply(&mut self.disk, &change);
            }
        }
        self.entries.clone_from(&self.disk);
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Link { name, node } => _ = names.insert(name.clone(), *node),
        NameChange::Unlink { name } => _ = names.remove(name),
        NameChange::Rename { from, to, node } => {
            // An earlier change may not have survived, so the old name need not be this node's.
            if names.get(from) == Some(node) {
                names.remove(from);
            }
            names.insert(to.clone(), *node);
        }
    }
}
