//! Where this broker answers otherwise on purpose.

/// A difference: a part of the step's name, `-` for what only Kafka says and `+` for what only we say, a part of the
/// line, and why.
#[derive(Debug)]
pub(crate) struct Difference {
    step: &'static str,
    sign: char,
    line: &'static str,
    #[expect(dead_code, reason = "read by people, and shown when it is not needed any more")]
    reason: &'static str,
}

pub(crate) const DIFFERENCES: &[Difference] = &[];

/// Whether a line's difference is justified.
pub(crate) fn covers(step: &str, sign: char, line: &str, needed: &mut [bool]) -> bool {
    let mut is_covered = false;
    for (difference, needed) in DIFFERENCES.iter().zip(needed) {
        if difference.sign == sign && step.contains(difference.step) && line.contains(difference.line) {
            *needed = true;
            is_covered = true;
        }
    }
    is_covered
}
