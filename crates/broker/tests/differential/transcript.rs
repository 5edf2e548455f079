//! What was answered, line by line, with what may differ between two clusters masked.

use crate::justified;

/// Steps with the lines of their answers.
#[derive(Debug, Default)]
pub(crate) struct Transcript(Vec<(String, Vec<String>)>);

/// Fields whose value, beyond being there, is each cluster's own.
const MASKED: &[&str] = &[
    "topic_id",
    "cluster_id",
    "host",
    "port",
    "producer_id",
    "leader_epoch",
    "partition_leader_epoch",
    "current_leader_epoch",
    "log_append_time_ms",
    "session_id",
    "member_id",
    "leader",
    "client_host",
    "error_message",
    "batch_index_error_message",
    "documentation",
    "log_dir",
    "total_bytes",
    "usable_bytes",
    "partition_size",
];

impl Transcript {
    pub(crate) fn add(&mut self, step: String, answer: &str) {
        let mut lines = Vec::new();
        let mut source = answer.lines().peekable();
        while let Some(line) = source.next() {
            // `Some(` and its value stand on lines of their own.
            if line.trim_end().ends_with(": Some(") {
                let value = source.next().unwrap_or_default().trim().trim_end_matches(',');
                if value.ends_with('{') || value.ends_with('[') {
                    lines.push(line.to_owned());
                    lines.push(format!("    {value}"));
                    continue;
                }
                source.next();
                lines.push(mask(&format!("{line}{value}),")));
            } else {
                lines.push(mask(line));
            }
        }
        self.0.push((step, lines));
    }
}

/// Replaces the value of a masked field by its kind.
fn mask(line: &str) -> String {
    let Some((name, value)) = line.split_once(": ") else { return line.to_owned() };
    if !MASKED.contains(&name.trim()) {
        return line.to_owned();
    }
    let value = value.trim_end_matches(',');
    let kind = match value {
        "None" | "\"\"" | "Some(\"\")" | "-1" | "00000000-0000-0000-0000-000000000000" => value,
        _ => "<any>",
    };
    format!("{name}: {kind},")
}

/// The differences of a scenario that nobody has justified. Marks the justifications that were needed.
pub(crate) fn compare(
    scenario: &str,
    theirs: &Transcript,
    ours: &Transcript,
    needed: &mut [bool],
) -> Vec<String> {
    let mut found = Vec::new();
    if theirs.0.len() != ours.0.len() {
        found.push(format!("{scenario}: {} steps with Kafka, {} with us", theirs.0.len(), ours.0.len()));
    }
    for ((step, theirs), (_, ours)) in theirs.0.iter().zip(&ours.0) {
        let missing = without(theirs, ours).into_iter().map(|line| ('-', line));
        let added = without(ours, theirs).into_iter().map(|line| ('+', line));
        let lines: Vec<String> = missing
            .chain(added)
            .filter(|(sign, line)| !justified::covers(step, *sign, line, needed))
            .map(|(sign, line)| format!("   {sign} {}", line.trim()))
            .collect();
        if !lines.is_empty() {
            found.push(format!("{scenario}: {step}\n{}", lines.join("\n")));
        }
    }
    found
}

/// The lines of `one` that `other` does not have as often.
fn without<'a>(one: &'a [String], other: &[String]) -> Vec<&'a str> {
    let mut left: Vec<&str> = other.iter().map(String::as_str).collect();
    let mut more = Vec::new();
    for line in one {
        match left.iter().position(|candidate| candidate.trim() == line.trim()) {
            Some(place) => _ = left.swap_remove(place),
            None => more.push(line.as_str()),
        }
    }
    more
}
