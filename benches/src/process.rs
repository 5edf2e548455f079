//! What a process has used, as the kernel counts it in `/proc`.
//!
//! CPU time is user and system time of all threads, ended ones included, to 10 ms. That of a process which ended is read before it is reaped,
//! when the kernel still keeps it. Children are not included: nothing that is measured here has any.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Field numbers of `/proc/PID/stat` (`man 5 proc`), counted from the one after the name in brackets, which may hold anything.
const USER_TICKS: usize = 14 - 3;
const SYSTEM_TICKS: usize = 15 - 3;

/// CPU time of a process since its start.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = ticks(&stat).with_context(|| format!("cannot read {path}: {stat}"))?;
    Ok(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
}

fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(USER_TICKS);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.nth(SYSTEM_TICKS - USER_TICKS - 1)?.parse().ok()?;
    Some(user + system)
}

/// Memory of a process that is in RAM now.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most memory of a process that was in RAM at once.
pub(crate) fn resident_bytes_max(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path} has no {field}"))? * 1_024)
}

/// What a process that ended has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes_max: u64,
}

/// Runs a command to its end, which has to be a successful one. Returns what it printed on standard output as well.
pub(crate) fn run_to_end(command: &mut Command) -> anyhow::Result<(Usage, String)> {
    // A file, so that nobody has to read a pipe meanwhile.
    let mut output = tempfile::tempfile()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (usage, status) = usage_at_end(&mut child)?;
    if !status.success() {
        bail!("{} ended with {status}", command.get_program().display());
    }
    let mut printed = String::new();
    output.rewind()?;
    output.read_to_string(&mut printed)?;
    Ok((usage, printed))
}

/// Waits for a process, looking at its memory meanwhile, and reads its CPU time before it is gone.
pub(crate) fn usage_at_end(child: &mut Child) -> anyhow::Result<(Usage, ExitStatus)> {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let pid = Pid::from_child(child);
    let mut resident_bytes = 0;
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(pid), ended)?.is_none() {
        // A process that ends has no memory left to count.
        resident_bytes = resident_bytes_max(child.id()).unwrap_or(resident_bytes);
        std::thread::sleep(LOOK_EVERY);
    }
    let usage = Usage { cpu: cpu_time(child.id())?, resident_bytes_max: resident_bytes };
    Ok((usage, child.wait()?))
}

/// Asks a process to end and waits until it has.
pub(crate) fn terminate(child: &mut Child) {
    // One that has ended already cannot be asked, and has no more to say.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
