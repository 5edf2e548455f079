//! `consume -g`: as a member of a consumer group.
//!
//! What was written to standard output is committed every few seconds, before partitions are given back, and before the
//! member leaves. After a crash records may come again, none are skipped.

use std::collections::HashMap;
use std::time::Duration;

use millstream_client::admin::{CommittedOffset, OffsetToCommit};
use millstream_client::group::{GroupConfig, GroupEvent, GroupMember};
use millstream_client::{Admin, ErrorKind, FetchedBatches, Fetcher, ReaderSet, Start, TopicPartition};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::printer::Printer;
use super::{fetcher, isolation, next, plan};
use crate::cli::Consume;
use crate::exit::{Failure, FailureKind};

/// `auto.commit.interval.ms` of Kafka's clients.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Consumes until the number of records is reached or a stop is requested.
pub(super) async fn consume(
    command: &Consume,
    group: &str,
    admin: &Admin,
    stop: JoinHandle<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    if command.offset.until.is_some() {
        let message = "a group reads on: leave the end of the range out, or stop with `-n`";
        return Err(Failure::new(FailureKind::Usage, message).into());
    }
    for topic in &command.topics {
        admin.client().topic(topic).await?;
    }
    let member = GroupMember::join(admin.client().clone(), GroupConfig::new(group, command.topics.clone()))?;
    let mut session = Session {
        command,
        admin,
        member,
        fetcher: fetcher(command, admin)?,
        readers: ReaderSet::default(),
        printer: Printer::new(command),
        uncommitted: HashMap::new(),
    };
    let consumed = session.run(stop).await;
    let written = session.printer.flush();
    // The group need not wait for the session timeout, whatever happened.
    let committed = if consumed.is_ok() && written.is_ok() { session.commit().await } else { Ok(()) };
    let left = session.member.leave().await;
    consumed.and(written).and(committed)?;
    Ok(left?)
}

struct Session<'a> {
    command: &'a Consume,
    admin: &'a Admin,
    member: GroupMember,
    fetcher: Fetcher,
    readers: ReaderSet,
    printer: Printer<'a>,
    /// Positions behind what was printed since the last commit.
    uncommitted: HashMap<TopicPartition, OffsetToCommit>,
}

impl Session<'_> {
    async fn run(&mut self, mut stop: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
        let mut commits = tokio::time::interval_at(Instant::now() + COMMIT_INTERVAL, COMMIT_INTERVAL);
        commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                stopped = &mut stop => {
                    stopped??;
                    return Ok(());
                }
                event = self.member.next_event() => match event? {
                    GroupEvent::Assigned { partitions, .. } => self.assign(partitions).await?,
                    GroupEvent::Revoked { is_lost, .. } => self.give_up(is_lost).await?,
                },
                _ = commits.tick() => self.commit().await?,
                fetched = next_of_some(&mut self.readers, &mut self.printer) => {
                    if let Some(fetched) = fetched? && self.print(&fetched)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Starts to read where the group stopped, or where the command line says.
    async fn assign(&mut self, partitions: Vec<TopicPartition>) -> anyhow::Result<()> {
        let committed = self.member.committed(&partitions).await?;
        let (known, new): (Vec<_>, Vec<_>) =
            partitions.into_iter().partition(|partition| committed.contains_key(partition));
        for partition in known {
            if let Some(CommittedOffset { offset, leader_epoch, .. }) = committed.get(&partition) {
                let start = Start::Offset { offset: *offset, leader_epoch: *leader_epoch };
                self.readers.push(self.fetcher.read(partition, start, None));
            }
        }
        for span in plan::spans(self.admin, new, self.command.offset, isolation(self.command)).await? {
            self.readers.push(self.fetcher.read(span.partition.clone(), span.start, None));
            self.printer.leave_out_before(span);
        }
        Ok(())
    }

    /// Stops to read and commits, unless the group has given the partitions to others.
    async fn give_up(&mut self, is_lost: bool) -> anyhow::Result<()> {
        self.readers = ReaderSet::default();
        self.printer.flush()?;
        if is_lost {
            self.uncommitted.clear();
        }
        self.commit().await
    }

    fn print(&mut self, fetched: &FetchedBatches) -> anyhow::Result<bool> {
        let printed = self.printer.print(fetched)?;
        let leader_epoch = fetched.leader_epoch.filter(|_| !printed.is_complete);
        let position = OffsetToCommit { offset: printed.position, leader_epoch, metadata: String::new() };
        self.uncommitted.insert(fetched.partition.clone(), position);
        Ok(printed.is_complete)
    }

    /// Commits what was written. A group that rebalances takes no commit: then it comes again.
    async fn commit(&mut self) -> anyhow::Result<()> {
        self.printer.flush()?;
        match self.member.commit(&self.uncommitted).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Rebalance => {
                tracing::warn!(%error, "positions were not committed");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        self.uncommitted.clear();
        Ok(())
    }
}

/// As [`next`], but waits while there is nothing to read from.
async fn next_of_some(
    readers: &mut ReaderSet,
    printer: &mut Printer<'_>,
) -> anyhow::Result<Option<FetchedBatches>> {
    if readers.readers().is_empty() {
        return std::future::pending().await;
    }
    next(readers, printer).await
}
