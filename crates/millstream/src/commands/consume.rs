//! `consume`: records of topics to standard output, each partition in its order, as they come.
//!
//! Output is written when the next records have not come yet, or when there is much of it. The command ends with its
//! range, after `-n` records, or at the first signal; a group member commits what was written and leaves its group.

mod group;
mod json;
mod plan;
mod printer;

use futures_util::FutureExt as _;
use millstream_client::admin::IsolationLevel;
use millstream_client::{Admin, FetchedBatches, Fetcher, FetcherConfig, OffsetReset, ReaderSet};
use tokio::task::JoinHandle;

use self::printer::Printer;
use crate::cli::Consume;
use crate::cluster::runtime;
use crate::signals;

/// `consume`.
pub(crate) fn execute(command: &Consume) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let admin = command.cluster.admin().await?;
        let stop = tokio::spawn(signals::stop_requested());
        match &command.group {
            Some(group) => group::consume(command, group, &admin, stop).await,
            None => consume_partitions(command, &admin, stop).await,
        }
    })
}

fn isolation(command: &Consume) -> IsolationLevel {
    if command.read_committed { IsolationLevel::ReadCommitted } else { IsolationLevel::ReadUncommitted }
}

fn fetcher(command: &Consume, admin: &Admin) -> anyhow::Result<Fetcher> {
    let config = FetcherConfig {
        isolation: isolation(command),
        // Records may expire while they are read.
        reset: OffsetReset::Earliest,
        ..FetcherConfig::default()
    };
    Ok(Fetcher::new(admin.client().clone(), config)?)
}

async fn consume_partitions(
    command: &Consume,
    admin: &Admin,
    mut stop: JoinHandle<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let partitions = plan::partitions(admin.client(), &command.topics, &command.partitions).await?;
    let spans = plan::spans(admin, partitions, command.offset, isolation(command)).await?;
    let fetcher = fetcher(command, admin)?;
    let mut printer = Printer::new(command);
    let mut readers = ReaderSet::default();
    for span in spans {
        readers.push(fetcher.read(span.partition.clone(), span.start, span.stop));
        printer.leave_out_before(span);
    }
    loop {
        let fetched = tokio::select! {
            biased;
            stopped = &mut stop => {
                stopped??;
                break;
            }
            fetched = next(&mut readers, &mut printer) => fetched?,
        };
        let Some(fetched) = fetched else { break };
        if printer.print(&fetched)?.is_complete {
            break;
        }
    }
    printer.flush()
}

/// The next batches; what was printed is written before they are waited for.
async fn next(readers: &mut ReaderSet, printer: &mut Printer<'_>) -> anyhow::Result<Option<FetchedBatches>> {
    match readers.next().now_or_never() {
        Some(fetched) => Ok(fetched?),
        None => {
            printer.flush()?;
            Ok(readers.next().await?)
        }
    }
}
