//! The whole under `perf record`: the share of samples of each part, by the names of the functions they fell into.
//!
//! Inlined functions count for the one they are part of, so a part's border is as fine as the compiler left it. The part `other` and the
//! functions listed at the end tell how much the table can be trusted.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::millstream::Binary;

/// Samples per second of CPU time.
const FREQUENCY: &str = "499";
const FUNCTIONS_SHOWN: usize = 15;

/// What the names of a part's functions contain; the first part that matches has the sample. `[k]` marks the kernel's.
const PARTS: [(&str, &[&str]); 8] = [
    ("receive: kernel", &["[k]"]),
    ("CRC", &["crc32", "crc_fast", "crc::"]),
    ("decompress", &["lz4", "zstd", "snap::", "zlib", "ZSTD", "inflate"]),
    ("decode", &["millstream_formats"]),
    ("receive: client", &["millstream_client", "millstream_wire", "tokio", "mio::"]),
    ("source and sink", &["millstream_connectors"]),
    ("operators", &["millstream_engine", "millstream_sql", "arrow", "datafusion"]),
    ("memory", &["malloc", "free", "memcpy", "memmove", "memset", "alloc::", "realloc", "__rust"]),
];

/// Runs the query under `perf` and prints its parts.
pub(super) fn record(binary: &Binary, sql: &Path, address: &str) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("perf.data");
    let status = Command::new("perf")
        .args(["record", "--quiet", "--freq", FREQUENCY, "--output"])
        .arg(&data)
        .arg("--")
        .arg(binary.path()?)
        .arg("run")
        .arg(sql)
        .args(["--bootstrap-server", address])
        .stdout(Stdio::null())
        .status()
        .context("cannot run perf; leave out --perf where it is missing")?;
    ensure!(status.success(), "perf record ended with {status}");
    let report = Command::new("perf")
        .args(["report", "--stdio", "--no-children", "--sort", "symbol", "--field-separator", ";", "--input"])
        .arg(&data)
        .output()?;
    ensure!(report.status.success(), "perf report ended with {}", report.status);
    let functions = functions(&String::from_utf8_lossy(&report.stdout));
    ensure!(!functions.is_empty(), "perf report names no functions");
    println!("\nby samples");
    for (part, share) in parts(&functions) {
        println!("{part:<18} {share:>5.1}%");
    }
    println!("largest functions");
    for (share, name) in functions.iter().take(FUNCTIONS_SHOWN) {
        println!("{share:>5.1}% {name}");
    }
    Ok(())
}

/// Shares and names from the lines `  12.34% ;[.] name  ;-  -`, largest first.
fn functions(report: &str) -> Vec<(f64, String)> {
    let function = |line: &str| {
        // Columns that some versions of perf add follow the name.
        let mut columns = line.split(';');
        let (share, name) = (columns.next()?, columns.next()?);
        Some((share.trim().trim_end_matches('%').parse().ok()?, name.trim().to_owned()))
    };
    report.lines().filter(|line| !line.starts_with('#')).filter_map(function).collect()
}

/// The share of each part, and of what belongs to none.
fn parts(functions: &[(f64, String)]) -> Vec<(&'static str, f64)> {
    let mut shares: Vec<(&'static str, f64)> = PARTS.iter().map(|(part, _)| (*part, 0.0)).collect();
    shares.push(("other", 0.0));
    for (share, name) in functions {
        let part = PARTS.iter().position(|(_, marks)| marks.iter().any(|mark| name.contains(mark)));
        shares[part.unwrap_or(PARTS.len())].1 += share;
    }
    shares
}

#[cfg(test)]
mod tests;
