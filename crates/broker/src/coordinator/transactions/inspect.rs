//! What administrators see of transactions.

use std::collections::{BTreeMap, HashSet};

use millstream_wire::ErrorCode;
use regex::Regex;

use super::TransactionCoordinator;
use super::state::Transaction;
use crate::metrics::TransactionCounts;

/// Names of states that Kafka knows and that are never seen: it has them while a step is taken only.
const PASSING_STATES: [&str; 2] = ["Dead", "PrepareEpochFence"];
/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Which transactional ids to list. Empty sets take all.
#[derive(Debug, Default)]
pub(crate) struct TransactionFilter {
    producer_ids: HashSet<i64>,
    states: HashSet<String>,
    /// Listed are those that have taken longer, in ms; negative takes all.
    duration_ms: i64,
    pattern: Option<Regex>,
}

impl TransactionFilter {
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION.
    pub(crate) fn new(
        producer_ids: Vec<i64>,
        states: Vec<String>,
        duration_ms: i64,
        pattern: Option<&str>,
    ) -> Result<Self, ErrorCode> {
        let pattern = pattern.filter(|pattern| !pattern.is_empty()).map(|pattern| {
            // The whole id has to match.
            let anchored = format!("^(?:{pattern})$");
            let built = regex::RegexBuilder::new(&anchored).size_limit(PATTERN_BYTES_MAX).build();
            built.map_err(|_| ErrorCode::InvalidRegularExpression)
        });
        Ok(Self {
            producer_ids: producer_ids.into_iter().collect(),
            states: states.into_iter().collect(),
            duration_ms,
            pattern: pattern.transpose()?,
        })
    }

    /// The wanted states that nothing is ever in.
    pub(crate) fn unknown_states(&self) -> Vec<String> {
        let is_unknown = |name: &&String| {
            Transaction::state_names().all(|known| known != name.as_str())
                && !PASSING_STATES.contains(&name.as_str())
        };
        self.states.iter().filter(is_unknown).cloned().collect()
    }

    fn takes(&self, id: &str, transaction: &Transaction, now_ms: i64) -> bool {
        let lasts_ms = now_ms.saturating_sub(transaction.start_ms);
        (self.producer_ids.is_empty() || self.producer_ids.contains(&transaction.producer.id))
            && (self.states.is_empty() || self.states.contains(transaction.state.name()))
            && (self.duration_ms < 0 || lasts_ms > self.duration_ms)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    }
}

impl TransactionCoordinator {
    /// A transactional id as it is.
    ///
    /// # Errors
    /// TRANSACTIONAL_ID_NOT_FOUND, INVALID_REQUEST for an empty id.
    pub(crate) fn describe(&self, id: &str) -> Result<Transaction, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let content = self.shard_of(id).loaded()?;
        let entry = content.entries.get(id).ok_or(ErrorCode::TransactionalIdNotFound)?;
        Ok(entry.transaction.clone())
    }

    /// What was done since the start.
    pub(crate) fn counts(&self) -> &TransactionCounts {
        &self.counts
    }

    /// How many ids are in each state.
    pub(crate) fn count_by_state(&self) -> BTreeMap<&'static str, u64> {
        let mut counts: BTreeMap<_, _> = Transaction::state_names().map(|name| (name, 0)).collect();
        for shard in &self.shards {
            for entry in shard.content().entries.values() {
                *counts.entry(entry.transaction.state.name()).or_default() += 1;
            }
        }
        counts
    }

    /// The ids that a filter takes: name, producer id and state of each.
    ///
    /// # Errors
    /// When a part of them is not known.
    pub(crate) fn list(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<(String, i64, &'static str)>, ErrorCode> {
        let now_ms = self.now_ms();
        let mut listed = Vec::new();
        for shard in &self.shards {
            let content = shard.loaded()?;
            let taken =
                content.entries.iter().filter(|(id, entry)| filter.takes(id, &entry.transaction, now_ms));
            listed.extend(taken.map(|(id, entry)| {
                let transaction = &entry.transaction;
                (id.clone(), transaction.producer.id, transaction.state.name())
            }));
        }
        Ok(listed)
    }
}
