//! A file system in memory that crashes and fails on demand, for tests of whatever is built on the log.
//!
//! What a power cut ([`SimFileSystem::power_cut`]) leaves is an arbitrary, seeded choice of what POSIX allows: every page written
//! since the last sync is new, old or (beyond the old end) zero; the size is any between the old and the new one, every name
//! created, renamed or removed since its directory's last sync is there or not. [`SimFileSystem::kill`] ends only the
//! process: the page cache stays. Either way, handles and locks of before are dead.
//!
//! Faults strike the n-th operation that changes something ([`SimFileSystem::inject`]). A failed sync behaves as on Linux:
//! the pages count as clean afterwards and are on no disk, so a second sync would lie.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Component, Path};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{DirectoryEntry, File, FileSystem, LockGuard, OpenMode, WholeFileSystem};

mod node;
mod random;

use node::{Directory, FileNode, NameChange, Node};
pub use random::SplitMix;

/// What strikes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write stores only a part of its bytes and says so; other operations are not struck.
    ShortWrite,
    /// The disk is full: nothing happens.
    NoSpace,
    /// The device fails: nothing happens, and if it was a sync, what it should have kept is lost.
    Device,
    /// The machine stops inside this operation, and every later one fails until [`SimFileSystem::power_cut`] or
    /// [`SimFileSystem::kill`] starts it again.
    Stop,
}

#[derive(Debug)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    /// Handles and locks of an older generation are dead.
    generation: u64,
    boots: u64,
    locks: BTreeSet<u64>,
    operations: u64,
    /// Syncs that could not keep what they should have.
    failed_syncs: u64,
    fault: Option<(u64, Fault)>,
    struck: bool,
    stopped: bool,
    full: bool,
    available_bytes: u64,
    random: SplitMix,
}

const ROOT: u64 = 0;

/// The simulated file system; clones share it.
#[derive(Clone)]
pub struct SimFileSystem {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for SimFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFileSystem").finish_non_exhaustive()
    }
}

impl SimFileSystem {
    /// An empty file system whose choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            nodes: BTreeMap::from([(ROOT, Node::Directory(Directory::default()))]),
            next_node: ROOT + 1,
            generation: 0,
            boots: 0,
            locks: BTreeSet::new(),
            operations: 0,
            failed_syncs: 0,
            fault: None,
            struck: false,
            stopped: false,
            full: false,
            available_bytes: u64::MAX,
            random: SplitMix::new(seed),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Operations so far that changed something: where faults can strike.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Lets `fault` strike the operation after `after` more ones; it replaces one that has not struck yet.
    pub fn inject(&self, after: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.fault = Some((state.operations + after, fault));
    }

    /// Takes back a fault that has not struck yet.
    pub fn clear_fault(&self) {
        self.state.lock().fault = None;
    }

    /// Whether a fault has struck since the machine started.
    pub fn has_struck(&self) -> bool {
        self.state.lock().struck
    }

    /// Whether [`Fault::Stop`] has struck.
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Lets every write and creation fail for want of space, or no longer.
    pub fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Sets what [`FileSystem::available_bytes`] says; writes do not change it.
    pub fn set_available_bytes(&self, available_bytes: u64) {
        self.state.lock().available_bytes = available_bytes;
    }

    /// The machine loses power and starts again: of what was not synced, an arbitrary part is left.
    pub fn power_cut(&self) {
        let mut state = self.state.lock();
        let state = &mut *state;
        for node in state.nodes.values_mut() {
            node.crash(&mut state.random);
        }
        state.boots += 1;
        state.restart();
    }

    /// The process ends and another begins: what was written is there.
    pub fn kill(&self) {
        self.state.lock().restart();
    }

    /// Changes a byte of a file behind everybody's back, on the disk and in the page cache.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::UnexpectedEof`] beyond its end.
    pub fn damage(&self, path: &Path, position: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.find(path)?;
        state.file(node)?.damage(position)
    }
}

impl State {
    fn restart(&mut self) {
        self.generation += 1;
        self.locks.clear();
        self.fault = None;
        (self.struck, self.stopped) = (false, false);
        let mut reachable = BTreeSet::new();
        self.collect(ROOT, &mut reachable);
        self.nodes.retain(|id, _| reachable.contains(id));
    }

    fn collect(&self, id: u64, reachable: &mut BTreeSet<u64>) {
        reachable.insert(id);
        if let Some(Node::Directory(directory)) = self.nodes.get(&id) {
            directory.nodes().for_each(|child| self.collect(child, reachable));
        }
    }

    /// Counts an operation that changes something and lets a fault strike it; a short write is given back to the caller.
    fn operate(&mut self) -> io::Result<Option<Fault>> {
        self.alive()?;
        self.operations += 1;
        match self.fault {
            Some((at, fault)) if at < self.operations => {
                (self.fault, self.struck) = (None, true);
                self.stopped = fault == Fault::Stop;
                Ok(Some(fault))
            }
            _ => Ok(None),
        }
    }

    /// As [`Self::operate`], for operations that happen or do not.
    fn operate_whole(&mut self, needs_space: bool) -> io::Result<()> {
        match self.operate()? {
            Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Device) => Err(device()),
            // A name may have changed or not when the machine stops; both are tried.
            Some(Fault::Stop) if self.random.flip() => Err(stopped()),
            _ if self.full && needs_space => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// The answer of an operation that was done: an error when the machine stopped in it.
    fn done(&self) -> io::Result<()> {
        if self.stopped { Err(stopped()) } else { Ok(()) }
    }

    fn alive(&self) -> io::Result<()> {
        if self.stopped { Err(stopped()) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let mut at = ROOT;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Some(Node::Directory(directory)) = self.nodes.get(&at) else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            at = *directory.entries.get(text(name)).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    fn find_parent<'a>(&self, path: &'a Path) -> io::Result<(u64, &'a str)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, text(name)))
    }

    fn directory(&mut self, id: u64) -> io::Result<&mut Directory> {
        match self.nodes.get_mut(&id) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, id: u64) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&id) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn add(&mut self, parent: u64, name: &str, node: Node) -> io::Result<u64> {
        let id = self.next_node;
        self.next_node += 1;
        self.nodes.insert(id, node);
        self.directory(parent)?.change(NameChange::Link { name: name.to_owned(), node: id });
        Ok(id)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.find_parent(path)?;
        self.find(path)?;
        self.operate_whole(false)?;
        self.directory(parent)?.change(NameChange::Unlink { name: name.to_owned() });
        self.done()
    }
}

fn text(name: &OsStr) -> &str {
    name.to_str().unwrap_or_default()
}

fn device() -> io::Error {
    io::Error::other("injected device error")
}

fn stopped() -> io::Error {
    io::Error::other("the simulated machine stopped")
}

impl FileSystem for SimFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = self.state.lock();
        state.alive()?;
        let node = match state.find(path) {
            Ok(node) => {
                state.file(node)?;
                if mode == OpenMode::Empty {
                    state.operate_whole(false)?;
                    state.file(node)?.set_size(0);
                    state.done()?;
                }
                node
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && mode != OpenMode::Existing => {
                let (parent, name) = state.find_parent(path)?;
                state.operate_whole(true)?;
                let node = state.add(parent, name, Node::File(FileNode::default()))?;
                state.done()?;
                node
            }
            Err(error) => return Err(error),
        };
        Ok(Arc::new(SimFile { state: self.state.clone(), node, generation: state.generation }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        let mut above: Vec<&Path> = path.ancestors().filter(|path| path.file_name().is_some()).collect();
        above.reverse();
        for path in above {
            match state.find(path) {
                Ok(node) => _ = state.directory(node)?,
                Err(_) => {
                    let (parent, name) = state.find_parent(path)?;
                    state.operate_whole(true)?;
                    state.add(parent, name, Node::Directory(Directory::default()))?;
                    state.done()?;
                }
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        let node = state.find(from)?;
        let ((parent, from), (target, to)) = (state.find_parent(from)?, state.find_parent(to)?);
        if parent != target {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        state.operate_whole(false)?;
        let change = NameChange::Rename { from: from.to_owned(), to: to.to_owned(), node };
        state.directory(parent)?.change(change);
        state.done()
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state.lock().remove(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.state.lock().remove(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut state = self.state.lock();
        state.alive()?;
        let node = state.find(path)?;
        let entries = state.directory(node)?.entries.clone();
        Ok(entries
            .into_iter()
            .map(|(name, id)| DirectoryEntry {
                name,
                is_dir: matches!(state.nodes.get(&id), Some(Node::Directory(_))),
            })
            .collect())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        let node = state.find(path)?;
        state.operate_whole(false)?;
        state.directory(node)?.sync();
        state.done()
    }

    fn whole(&self, _path: &Path) -> io::Result<Box<dyn WholeFileSystem>> {
        let state = self.state.lock();
        state.alive()?;
        let (generation, told) = (state.generation, Mutex::new(state.failed_syncs));
        Ok(Box::new(SimWhole { state: self.state.clone(), generation, told }))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        self.open(path, OpenMode::OrCreate)?;
        let mut state = self.state.lock();
        let node = state.find(path)?;
        if !state.locks.insert(node) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { state: self.state.clone(), node, generation: state.generation }))
    }

    fn available_bytes(&self, _path: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        state.alive()?;
        Ok(if state.full { 0 } else { state.available_bytes })
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.state.lock().boots.to_string())
    }

    fn open_files_max(&self) -> usize {
        64
    }
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    node: u64,
    generation: u64,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        state.alive()?;
        if state.generation != self.generation {
            return Err(stopped());
        }
        act(&mut state)
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.with(|state| Ok(state.file(self.node)?.read(buffer, position)))
    }

    fn read_cached_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(buffer, position)
    }

    fn write_vectored_at(&self, buffers: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.with(|state| {
            let mut bytes: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
            match state.operate()? {
                Some(Fault::NoSpace) => return Err(io::ErrorKind::StorageFull.into()),
                Some(Fault::Device) => return Err(device()),
                Some(Fault::ShortWrite | Fault::Stop) => {
                    let most = bytes.len().saturating_sub(1).max(1) as u64;
                    let kept = 1 + state.random.below(most) as usize;
                    bytes.truncate(kept);
                }
                None if state.full => return Err(io::ErrorKind::StorageFull.into()),
                None => {}
            }
            state.file(self.node)?.write(&bytes, position);
            state.done()?;
            Ok(bytes.len())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.file(self.node)?.size()))
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.with(|state| {
            state.operate_whole(false)?;
            state.file(self.node)?.set_size(size);
            state.done()
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state| {
            let fault = state.operate()?;
            let file = state.file(self.node)?;
            match fault {
                Some(Fault::Device) => {
                    file.forget_dirty();
                    state.failed_syncs += 1;
                    return Err(device());
                }
                Some(Fault::Stop) => {}
                _ => file.sync_or_report()?,
            }
            state.done()
        })
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Debug)]
struct SimWhole {
    state: Arc<Mutex<State>>,
    generation: u64,
    /// Failed syncs that this handle knows of.
    told: Mutex<u64>,
}

impl WholeFileSystem for SimWhole {
    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.generation != self.generation {
            return Err(stopped());
        }
        match state.operate()? {
            Some(Fault::Stop) => return Err(stopped()),
            Some(Fault::Device) => {
                // As the kernel does, each file reports the failure once more to its own sync.
                state.nodes.values_mut().for_each(Node::lose_unsynced);
                state.failed_syncs += 1;
            }
            _ => state.nodes.values_mut().for_each(Node::sync),
        }
        let known = std::mem::replace(&mut *self.told.lock(), state.failed_syncs);
        if known == state.failed_syncs { Ok(()) } else { Err(device()) }
    }
}

#[derive(Debug)]
struct SimLock {
    state: Arc<Mutex<State>>,
    node: u64,
    generation: u64,
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.generation == self.generation {
            state.locks.remove(&self.node);
        }
    }
}

#[cfg(test)]
mod tests;
