//! SIGINT and SIGTERM: the first asks for a clean stop, a second ends the process at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask for a stop. From the moment this exists none of them ends the process by itself.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over; within a runtime.
    ///
    /// # Errors
    /// When the system refuses signal handlers.
    pub(crate) fn install() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first signal; from then on a second one ends the process with the shell's code for it.
    pub(crate) async fn stop_requested(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        tokio::spawn(async move {
            let code = tokio::select! {
                _ = self.interrupt.recv() => 130,
                _ = self.terminate.recv() => 143,
            };
            std::process::exit(code);
        });
    }
}

/// [`Signals::install`] and [`Signals::stop_requested`] in one, for commands that a signal may end before they wait for it.
///
/// # Errors
/// When the system refuses signal handlers.
pub(crate) async fn stop_requested() -> anyhow::Result<()> {
    Signals::install()?.stop_requested().await;
    Ok(())
}
