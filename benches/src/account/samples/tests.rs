//! Lines of a report are understood, and each function belongs to one part.

use super::*;

#[test]
fn functions_fall_into_parts() {
    let report = "# Overhead;Symbol\n\
        40.00% ;[.] millstream_formats::json::scan::Scan::row\n\
        \x20 25.50%;[k] copy_to_user   ;-      -\n\
        10.00%;[.] crc_fast::arch::update\n\
        4.00%;[.] __memmove_avx_unaligned_erms\n\
        0.50%;[.] core::fmt::write\n\n";
    let functions = functions(report);
    assert_eq!(functions.len(), 5);
    assert_eq!(functions[1], (25.5, "[k] copy_to_user".to_owned()));
    let share =
        |wanted: &str| parts(&functions).iter().find(|(part, _)| *part == wanted).map(|(_, share)| *share);
    assert_eq!(share("decode"), Some(40.0));
    assert_eq!(share("receive: kernel"), Some(25.5));
    assert_eq!(share("CRC"), Some(10.0));
    assert_eq!(share("memory"), Some(4.0));
    assert_eq!(share("other"), Some(0.5));
    assert_eq!(share("operators"), Some(0.0));
}
