//! The kernel's figures are read where they stand.

use super::*;

#[test]
fn ticks_are_found_behind_any_name() {
    let stat = "71 (a) b (c) S 1 71 71 0 -1 4194560 1 2 3 4 250 50 7 8 20 0 1 0 99 100 200";
    assert_eq!(ticks(stat), Some(300));
    assert_eq!(ticks("71 (a) S 1"), None);
    assert_eq!(ticks(""), None);
}

#[test]
fn this_process_uses_memory() {
    let pid = std::process::id();
    let (now, most) = (resident_bytes(pid).unwrap(), resident_bytes_max(pid).unwrap());
    assert!(now > 0 && most >= now);
    assert!(cpu_time(0).is_err());
}

#[test]
fn an_ended_process_is_accounted_for() {
    // Enough work for a tick on any machine.
    let script = "i=0; while [ $i -lt 500000 ]; do i=$((i + 1)); done; echo $i";
    let (usage, printed) = run_to_end(Command::new("sh").args(["-c", script])).unwrap();
    assert_eq!(printed, "500000\n");
    assert!(usage.cpu > Duration::ZERO);
    assert!(usage.resident_bytes_max > 0);
}

#[test]
fn a_failure_is_an_error() {
    let error = run_to_end(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
}
