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

/// A step, a sign, a line, a reason.
const fn difference(step: &'static str, sign: char, line: &'static str, reason: &'static str) -> Difference {
    Difference { step, sign, line, reason }
}

const MORE_WORDS: &str = "refusals say what is wrong, also where Kafka leaves it at the code";
const AT_ONCE: &str = "a topic that is created on demand is there in the answer that asked for it";
const OPERATION: &str = "Kafka's controller throws on an unknown operation instead of refusing it";
const CODEC: &str = "Kafka throws on an unknown codec instead of refusing it";

const EARLY: &str = "Kafka refuses it before it looks into the log, which knows where the partition begins";

pub(crate) const DIFFERENCES: &[Difference] = &[
    difference("", '-', "error_message: None", MORE_WORDS),
    difference("", '+', "error_message: <any>", MORE_WORDS),
    difference("of a missing topic", '-', "error_message: Some(\"\")", MORE_WORDS),
    difference("a topic comes into being", '-', "", AT_ONCE),
    difference("a topic comes into being", '+', "", AT_ONCE),
    difference("an unknown operation", '-', "error_code: -1", OPERATION),
    difference("an unknown operation", '+', "error_code: 42", OPERATION),
    difference("an unknown codec", '-', "error_code: -1", CODEC),
    difference("an unknown codec", '+', "error_code: 76", CODEC),
    difference("an unknown codec", '-', "log_start_offset: 0", CODEC),
    difference("an unknown codec", '+', "log_start_offset: -1", CODEC),
    difference("produce after markers", '-', "log_start_offset: -1", EARLY),
    difference("produce after markers", '+', "log_start_offset: 0", EARLY),
];

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
