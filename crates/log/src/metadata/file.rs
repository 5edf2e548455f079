//! The file behind the metadata log: frames, generations, and what a crash may leave of them.
//!
//! `millstream.metadata.GENERATION` begins with a frame that holds the whole state; every later frame is one change. A frame
//! is synced before the next is written, so only the last can be torn. Bytes at the end that are no frame are therefore cut,
//! unless a sound frame lies behind them: then they were one, and the file is corrupt.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::codec::{DecodeError, MetadataRecord};
use super::state::MetadataState;
use crate::error::IoContext;
use crate::fs::{File, FileSystem, OpenMode, read_file, write_all_at};
use crate::{LogError, Result};

const FILE_PREFIX: &str = "millstream.metadata.";
const MAGIC: [u8; 4] = *b"MSMD";
/// Magic, length of the records, CRC-32C of everything after it, sequence number.
const FRAME_HEADER_LEN: usize = 20;
/// Largest file that is read: far beyond any that is not yet due for compaction.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Files below this size are not worth compacting.
const COMPACTION_BYTES_MIN: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct MetadataFile {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    generation: u64,
    path: PathBuf,
    file: Arc<dyn File>,
    size: u64,
    /// Size of the first frame.
    state_size: u64,
    next_sequence: u64,
    online: bool,
}

impl MetadataFile {
    pub(super) fn open(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        create: bool,
    ) -> Result<(Self, MetadataState)> {
        let mut generations: Vec<u64> = fs
            .read_dir(directory)
            .context("list", directory)?
            .iter()
            .filter_map(|entry| entry.name.strip_prefix(FILE_PREFIX)?.parse().ok())
            .collect();
        generations.sort_unstable();
        let Some(generation) = generations.pop() else {
            if !create {
                let path = generation_path(directory, 0);
                return Err(LogError::Corrupt { what: "metadata log", path, position: 0 });
            }
            let state = MetadataState::default();
            return Ok((Self::write_generation(fs, directory, 0, 0, &state)?, state));
        };
        let opened = Self::load(fs.clone(), directory, generation)?;
        for older in generations {
            let path = generation_path(directory, older);
            fs.remove_file(&path).context("remove", &path)?;
        }
        Ok(opened)
    }

    fn load(fs: Arc<dyn FileSystem>, directory: &Path, generation: u64) -> Result<(Self, MetadataState)> {
        let path = generation_path(directory, generation);
        let bytes = read_file(&*fs, &path, FILE_BYTES_MAX).context("read", &path)?.unwrap_or_default();
        let mut state = MetadataState::default();
        let (mut position, mut state_size, mut next_sequence, mut last) = (0, 0, None, 0);
        while let Some(frame) = Frame::parse(&bytes[position..]) {
            if next_sequence.is_some_and(|next| next != frame.sequence) {
                break;
            }
            let records = MetadataRecord::decode_all(frame.records).map_err(|error| match error {
                DecodeError::Malformed => LogError::Corrupt {
                    what: "metadata record",
                    path: path.clone(),
                    position: position as u64,
                },
                DecodeError::Unknown { record_type, version } => {
                    LogError::UnknownMetadataRecord { path: path.clone(), record_type, version }
                }
            })?;
            records.into_iter().for_each(|record| state.apply(record));
            last = position;
            position += frame.size;
            next_sequence = Some(frame.sequence + 1);
            if state_size == 0 {
                state_size = frame.size as u64;
            }
        }
        // The first frame was synced before the file got its name.
        let corrupt =
            LogError::Corrupt { what: "metadata log", path: path.clone(), position: position as u64 };
        let Some(next_sequence) = next_sequence else { return Err(corrupt) };
        if has_frame(&bytes[position..]) {
            return Err(corrupt);
        }
        let file = fs.open(&path, OpenMode::Existing).context("open", &path)?;
        if position < bytes.len() {
            tracing::info!(path = %path.display(), position, "unfinished change at the end of the metadata log is cut");
            file.set_size(position as u64).context("truncate", &path)?;
        }
        // What a killed process wrote last may not have been synced, or its sync may have failed: then the kernel takes it for clean, and
        // may still have that failure to tell.
        if let Err(error) = file.sync_data() {
            tracing::warn!(%error, path = %path.display(), "end of the metadata log is written again");
        }
        write_all_at(&*file, &mut [IoSlice::new(&bytes[last..position])], last as u64)
            .context("write", &path)?;
        file.sync_data().context("sync", &path)?;
        let (size, directory) = (position as u64, directory.to_owned());
        Ok((
            Self { fs, directory, generation, path, file, size, state_size, next_sequence, online: true },
            state,
        ))
    }

    /// Begins the file of a generation with a whole state.
    fn write_generation(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        generation: u64,
        sequence: u64,
        state: &MetadataState,
    ) -> Result<Self> {
        let path = generation_path(directory, generation);
        let temporary = directory.join(format!("{FILE_PREFIX}{generation:010}.tmp"));
        let frame = encode_frame(sequence, &state.to_records());
        let file = fs.open(&temporary, OpenMode::Empty).context("create", &temporary)?;
        write_all_at(&*file, &mut [IoSlice::new(&frame)], 0).context("write", &temporary)?;
        file.sync_data().context("sync", &temporary)?;
        fs.rename(&temporary, &path).context("rename", &temporary)?;
        fs.sync_dir(directory).context("sync", directory)?;
        let (size, next_sequence) = (frame.len() as u64, sequence + 1);
        let directory = directory.to_owned();
        Ok(Self {
            fs,
            directory,
            generation,
            path,
            file,
            size,
            state_size: size,
            next_sequence,
            online: true,
        })
    }

    /// Sequence number of the next frame.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes and syncs one frame.
    pub(super) fn append(&mut self, records: &[MetadataRecord]) -> Result<()> {
        if !self.online {
            return Err(LogError::MetadataOffline);
        }
        let frame = encode_frame(self.next_sequence, records);
        if let Err(error) = write_all_at(&*self.file, &mut [IoSlice::new(&frame)], self.size) {
            // Half a frame must not lie before the next one.
            self.online = self.file.set_size(self.size).is_ok();
            return Err(error).context("write", &self.path);
        }
        if let Err(error) = self.file.sync_data() {
            self.online = false;
            return Err(error).context("sync", &self.path);
        }
        self.size += frame.len() as u64;
        self.next_sequence += 1;
        Ok(())
    }

    pub(super) fn is_due_for_compaction(&self) -> bool {
        self.size > COMPACTION_BYTES_MIN.max(4 * self.state_size)
    }

    /// Goes over to the next generation, which holds nothing but `state`.
    pub(super) fn compact(&mut self, state: &MetadataState) -> Result<()> {
        let generation = self.generation + 1;
        let fs = self.fs.clone();
        let next = match Self::write_generation(fs, &self.directory, generation, self.next_sequence, state) {
            Ok(next) => next,
            Err(error) => {
                // Whether the new file has its name is unknown: a restart decides, until then nothing may be added.
                let disk_full = error.is_disk_full();
                self.online = disk_full && self.remove_generation(generation).is_ok();
                return Err(error);
            }
        };
        let old = std::mem::replace(self, next);
        // An old generation that stays is removed at the next start.
        if let Err(error) = self.fs.remove_file(&old.path) {
            tracing::warn!(%error, path = %old.path.display(), "old metadata log was not removed");
        }
        Ok(())
    }

    fn remove_generation(&self, generation: u64) -> io::Result<()> {
        match self.fs.remove_file(&generation_path(&self.directory, generation)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.fs.sync_dir(&self.directory),
        }
    }
}

fn generation_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{FILE_PREFIX}{generation:010}"))
}

struct Frame<'a> {
    sequence: u64,
    records: &'a [u8],
    size: usize,
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes`; `None` when there is no sound one.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let checked = rest.get(..length.checked_add(8)?)?;
        let (sequence, records) = checked.split_first_chunk::<8>()?;
        let sound = millstream_wire::crc32c(checked) == u32::from_be_bytes(*crc);
        let sequence = u64::from_be_bytes(*sequence);
        sound.then_some(Self { sequence, records, size: FRAME_HEADER_LEN + length })
    }
}

/// Whether a sound frame lies anywhere in `bytes`.
fn has_frame(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|position| Frame::parse(&bytes[position..]).is_some())
}

fn encode_frame(sequence: u64, records: &[MetadataRecord]) -> Vec<u8> {
    let mut frame = MAGIC.to_vec();
    frame.extend([0; 8]);
    frame.extend(sequence.to_be_bytes());
    records.iter().for_each(|record| record.encode(&mut frame));
    let length = (frame.len() - FRAME_HEADER_LEN) as u32;
    let crc = millstream_wire::crc32c(&frame[12..]);
    frame[4..8].copy_from_slice(&length.to_be_bytes());
    frame[8..12].copy_from_slice(&crc.to_be_bytes());
    frame
}
