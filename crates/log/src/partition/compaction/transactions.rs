//! What compaction knows of transactions as it walks the log: whose records are void, and which markers are still needed.
//!
//! A marker stays until no batch of its transaction is left: a reader would otherwise take the records for those of an open or of
//! another transaction.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use millstream_wire::records::{BatchHeader, BatchView, ControlRecord, parse_control};

use crate::segment::AbortedTransaction;

#[derive(Debug, Default)]
pub(super) struct OpenTransactions {
    /// Aborted transactions that the walk has not reached, by first offset.
    ahead: BinaryHeap<Reverse<(i64, i64, i64, i64)>>,
    /// Aborted ones that it is in, by producer; and whether a batch of them was met.
    aborted: HashMap<i64, (AbortedTransaction, bool)>,
    /// Producers of which batches of other transactions were met.
    committed: HashSet<i64>,
}

impl OpenTransactions {
    /// Adds aborted transactions that overlap what is walked next.
    pub(super) fn add(&mut self, aborted: &[AbortedTransaction]) {
        self.ahead.extend(aborted.iter().map(|one| {
            Reverse((one.first_offset, one.last_offset, one.producer_id, one.last_stable_offset))
        }));
    }

    fn enter_up_to(&mut self, offset: i64) {
        while let Some(&Reverse((first_offset, last_offset, producer_id, last_stable_offset))) =
            self.ahead.peek()
            && first_offset <= offset
        {
            self.ahead.pop();
            let entered = AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset };
            self.aborted.entry(producer_id).or_insert((entered, false));
        }
    }

    /// Takes note of a batch of records. True if its transaction was aborted.
    pub(super) fn on_batch(&mut self, header: &BatchHeader) -> bool {
        self.enter_up_to(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some((_, met)) => {
                *met = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// Takes note of a marker. True if no batch of its transaction is left, so that it may go. One that ends an aborted transaction
    /// and stays adds to `index`.
    pub(super) fn on_marker(
        &mut self,
        view: &BatchView<'_>,
        index: Option<&mut Vec<AbortedTransaction>>,
    ) -> bool {
        let header = view.header();
        self.enter_up_to(header.last_offset());
        let record = view.records().ok().and_then(|mut records| records.next()?.ok());
        let Some(control) = record.map(|record| parse_control(&record)) else { return true };
        match control {
            Ok(ControlRecord::EndTransaction { committed: false, .. }) => {
                match self.aborted.remove(&header.producer_id) {
                    Some((transaction, true)) => {
                        if let Some(index) = index {
                            index.push(transaction);
                        }
                        false
                    }
                    _ => true,
                }
            }
            Ok(ControlRecord::EndTransaction { committed: true, .. }) => {
                !self.committed.remove(&header.producer_id)
            }
            Ok(ControlRecord::Other { .. }) | Err(_) => false,
        }
    }
}
