//! SIGINT and SIGTERM: the first asks for a clean stop, a second ends the process at once.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the first signal; from then on a second one ends the process with the shell's code for it.
///
/// # Errors
/// When the system refuses signal handlers.
pub(crate) async fn stop_requested() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        };
        std::process::exit(code);
    });
    Ok(())
}
