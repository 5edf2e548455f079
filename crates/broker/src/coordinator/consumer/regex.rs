//! Subscriptions by regular expression, matched by the coordinator against the topics there are.
//!
//! The syntax is RE2's, as Apache Kafka's (RE2/J); matching takes linear time whatever a client sends, and the size of a
//! compiled expression is bounded. An expression has to match a whole name. RE2's `\Q…\E` is translated, `\C` is refused.
//!
//! Deviation: an expression is resolved when it arrives and whenever topics have changed, not some seconds later in the background.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::topics::Topics;

/// Most bytes that a compiled expression may take.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// The topics that an expression matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedRegex {
    pub(crate) topics: BTreeSet<String>,
    /// The version of the topics that it was matched against.
    pub(crate) version: i64,
    /// When it was matched, in milliseconds since the Unix epoch.
    pub(crate) timestamp_ms: i64,
}

/// The expressions of a group's members.
pub(crate) type Regexes = BTreeMap<String, ResolvedRegex>;

/// Compiles an expression; an error says what is wrong with it.
pub(crate) fn compile(expression: &str) -> Result<regex::Regex, regex::Error> {
    let whole = format!(r"\A(?:{})\z", unquote(expression));
    regex::RegexBuilder::new(&whole).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).build()
}

/// Replaces `\Q…\E` by its characters, escaped.
fn unquote(expression: &str) -> String {
    let mut plain = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        if let Some(quoted) = escape.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            plain.push_str(&regex::escape(literal));
            rest = after;
        } else {
            // The escaped character goes along, so that `\\Q` is a backslash and a Q.
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            plain.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The topics that an expression matches now. One that cannot be compiled matches nothing.
pub(crate) fn resolve(expression: &str, topics: &dyn Topics, now_ms: i64) -> ResolvedRegex {
    let mut matching = BTreeSet::new();
    match compile(expression) {
        Ok(pattern) => topics.visit_names(&mut |name| {
            if pattern.is_match(name) {
                matching.insert(name.to_owned());
            }
        }),
        Err(error) => tracing::error!(expression, %error, "stored regular expression cannot be read"),
    }
    let version = i64::try_from(topics.version()).unwrap_or(i64::MAX);
    ResolvedRegex { topics: matching, version, timestamp_ms: now_ms }
}
