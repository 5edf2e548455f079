//! Writing files: each writer fills a part that is hidden until its epoch is committed, then gets its name.
//!
//! ```text
//! DIR/.part-RUN-WRITER-N.json.inprogress   being filled, and locked by the process that fills it
//! DIR/.part-RUN-WRITER-N.json.pending      sealed and synced: waits for its epoch
//! DIR/part-RUN-WRITER-N.json               the epoch is committed
//! ```
//!
//! The last rename may be repeated after a crash and does nothing the second time.
//!
//! What a crash leaves: a pending part is finished by the restart if its epoch was committed, and else stays hidden, because another
//! pipeline's restart may still want it. A part in progress belongs to no epoch; whoever writes to the directory next
//! removes it, unless its lock says that somebody is filling it.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use millstream_engine::connector::ConnectorError;
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_formats::{EncodedRows, RowEncoder};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Declared;
use crate::format;

/// How many batches may wait for the disk per writer.
const MAX_BATCHES_IN_FLIGHT: usize = 4;

/// How the names of parts end that are being filled.
const IN_PROGRESS: &str = ".inprogress";
/// How the names of sealed parts end.
const PENDING: &str = ".pending";

#[derive(Debug)]
pub(super) struct FileSink {
    declared: Declared,
    /// Tells this run's files from those of others.
    run: String,
    runtime: Handle,
}

impl FileSink {
    pub(super) fn new(declared: Declared, runtime: Handle) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}-{:x}", now.as_nanos(), std::process::id());
        Self { declared, run, runtime }
    }
}

impl Sink for FileSink {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let directory = self.declared.path.clone();
        std::fs::create_dir_all(&directory).map_err(|error| refused(&directory, &error))?;
        if writer.index == 0 {
            remove_abandoned(&directory).map_err(|error| refused(&directory, &error))?;
        }
        let encoder = self
            .declared
            .format
            .encoder(&self.declared.schema)
            .map_err(|error| format::declaration(&error))?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let (replies, answers) = mpsc::unbounded_channel();
        let stem = format!("part-{}-{}", self.run, writer.index);
        let mut parts =
            Parts { directory, stem, extension: self.declared.format.name(), number: 0, open: None };
        self.runtime.spawn_blocking(move || parts.serve(receiver, &replies));
        Ok(Box::new(FileWriter {
            encoder,
            rows: EncodedRows::new(),
            commands,
            answers,
            in_flight: 0,
            prepared: None,
        }))
    }

    fn commit(&self, committables: &[Committable]) -> Result<(), ConnectorError> {
        for committable in committables {
            let hidden = PathBuf::from(std::ffi::OsStr::from_bytes(&committable.0));
            let shown = shown(&hidden);
            match std::fs::rename(&hidden, &shown) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && shown.exists() => {}
                result => result.map_err(|error| refused(&shown, &error))?,
            }
        }
        // The next epoch forgets these parts: their names have to be as safe as their bytes.
        let directory = &self.declared.path;
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| refused(directory, &error))
    }
}

/// The name that a part gets in the end.
fn shown(hidden: &Path) -> PathBuf {
    let name = hidden.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix('.').unwrap_or(&name);
    hidden.with_file_name(name.strip_suffix(PENDING).unwrap_or(name))
}

/// Removes parts that crashed processes were filling.
fn remove_abandoned(directory: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(".part-") && name.ends_with(IN_PROGRESS)) {
            continue;
        }
        let abandoned = match File::open(&path) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file),
                Err(TryLockError::WouldBlock) => None,
                Err(TryLockError::Error(error)) => return Err(error),
            },
            // Another writer of this directory was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(_locked) = abandoned {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {
                    tracing::info!(path = %path.display(), "removed a part that a crash had left unfinished")
                }
            }
        }
    }
    Ok(())
}

fn refused(path: &Path, error: &std::io::Error) -> ConnectorError {
    let shown = path.display();
    ConnectorError::Refused {
        message: format!("cannot write {shown}: {error}; check the option 'path' and who may write there"),
    }
}

#[derive(Debug)]
enum Command {
    Write(Vec<u8>),
    Seal,
}

#[derive(Debug)]
enum Answer {
    Written,
    Sealed(Option<Committable>),
}

/// The side of a writer that waits for the disk.
struct Parts {
    directory: PathBuf,
    stem: String,
    extension: &'static str,
    number: u64,
    open: Option<(PathBuf, File)>,
}

impl Parts {
    fn serve(
        &mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        replies: &mpsc::UnboundedSender<Result<Answer, ConnectorError>>,
    ) {
        while let Some(command) = commands.blocking_recv() {
            let answer = match command {
                Command::Write(bytes) => self.write(&bytes).map(|()| Answer::Written),
                Command::Seal => self.seal().map(Answer::Sealed),
            };
            let answer = answer.map_err(|error| refused(&self.directory, &error));
            let failed = answer.is_err();
            if replies.send(answer).is_err() || failed {
                return;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        while self.open.is_none() {
            let name = format!(".{}-{}.{}{IN_PROGRESS}", self.stem, self.number, self.extension);
            let path = self.directory.join(name);
            self.number += 1;
            let file = File::create_new(&path)?;
            file.lock()?;
            // Before it was locked, another process may have taken it for abandoned.
            if path.exists() {
                self.open = Some((path, file));
            }
        }
        self.open.as_mut().map_or(Ok(()), |(_, file)| file.write_all(bytes))
    }

    fn seal(&mut self) -> std::io::Result<Option<Committable>> {
        let Some((path, file)) = self.open.take() else { return Ok(None) };
        file.sync_all()?;
        let sealed = path.with_extension(&PENDING[1..]);
        std::fs::rename(&path, &sealed)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(Some(Committable(Bytes::copy_from_slice(sealed.as_os_str().as_bytes()))))
    }
}

struct FileWriter {
    encoder: RowEncoder,
    rows: EncodedRows,
    commands: mpsc::UnboundedSender<Command>,
    answers: mpsc::UnboundedReceiver<Result<Answer, ConnectorError>>,
    in_flight: usize,
    prepared: Option<Option<Committable>>,
}

impl FileWriter {
    fn send(&mut self, command: Command) -> Result<(), ConnectorError> {
        self.in_flight += 1;
        self.commands.send(command).map_err(|_| ended())
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        let answer = ready!(self.answers.poll_recv(context)).ok_or_else(ended)??;
        self.in_flight -= 1;
        if let Answer::Sealed(committable) = answer {
            self.prepared = Some(committable);
        }
        Poll::Ready(Ok(()))
    }
}

fn ended() -> ConnectorError {
    ConnectorError::Refused { message: "the thread that writes the files has ended".to_owned() }
}

impl SinkWriter for FileWriter {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        while self.in_flight >= MAX_BATCHES_IN_FLIGHT {
            ready!(self.poll_answer(context))?;
        }
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        self.rows.clear();
        self.encoder
            .encode(&batch.rows, &mut self.rows)
            .map_err(|error| ConnectorError::Data { message: error.to_string() })?;
        let mut bytes = Vec::with_capacity(self.rows.bytes().len() + self.rows.len());
        for row in self.rows.iter() {
            bytes.extend_from_slice(row);
            bytes.push(b'\n');
        }
        self.send(Command::Write(bytes))
    }

    fn seal(&mut self, _: Epoch) -> Result<(), ConnectorError> {
        self.send(Command::Seal)
    }

    fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        loop {
            if let Some(committable) = self.prepared.take() {
                return Poll::Ready(Ok(committable));
            }
            ready!(self.poll_answer(context))?;
        }
    }
}
