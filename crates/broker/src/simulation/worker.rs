//! A client that writes: plain, idempotent and in transactions, and commits offsets. It remembers what it asked for and what it was told.

use millstream_log::fs::sim::SplitMix;
use millstream_wire::ErrorCode;
use millstream_wire::messages::end_txn::EndTxnRequest;
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millstream_wire::records::ProducerStamp;

use super::client::{Client, Identities, TOPIC, TRIES, assert_retriable, batch, result};
use super::offset::{CommittedOffset, NO_MEMBER, fetch_settled_offset};
use super::reader::{Found, Place};

/// How often an identity is asked for at a time while disks may fail.
const TRIES_AT_WORK: usize = 5;

/// A record that was sent.
#[derive(Debug)]
struct Sent {
    serial: u64,
    /// Where it is, once that was told or seen.
    place: Option<Place>,
    /// Its transaction's place in the list.
    transaction: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its commit was never asked for.
    Open,
    /// Its commit was asked for, and not answered: the log decides.
    Asked,
    Committed,
    Aborted,
}

#[derive(Debug)]
struct Transaction {
    end: End,
    /// Whether there is anything in it: clients do not end what they have not begun.
    begun: bool,
    /// The offset that it commits.
    offset: Option<i64>,
}

/// A producer's identity, and its next sequence numbers.
#[derive(Debug)]
struct Producer {
    id: i64,
    epoch: i16,
    sequences: [i32; 2],
    /// Batches that were not acknowledged, to be sent again, as places in the list of what was sent.
    pending: [Option<usize>; 2],
}

impl Producer {
    fn new(id: i64, epoch: i16) -> Self {
        Self { id, epoch, sequences: [0; 2], pending: [None; 2] }
    }

    fn stamp(&self, partition: i32) -> ProducerStamp {
        let base_sequence = self.sequences[partition as usize];
        ProducerStamp { producer_id: self.id, producer_epoch: self.epoch, base_sequence }
    }
}

pub(super) struct Worker {
    name: String,
    random: SplitMix,
    next_serial: u64,
    sent: Vec<Sent>,
    idempotent: Option<Producer>,
    transactional: Option<Producer>,
    transactions: Vec<Transaction>,
    /// The group's offset outside transactions.
    offset: CommittedOffset,
    /// The next one in transactions.
    next_offset: i64,
}

/// Something that a writer does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    WritePlain,
    WriteNumbered,
    WriteInTransaction,
    CommitOffsetInTransaction,
    EndTransaction { committed: bool },
    CommitOffset,
    LookAtOffset,
}

impl Worker {
    pub(super) fn new(index: u64, random: SplitMix) -> Self {
        let name = format!("worker-{index}");
        Self {
            offset: CommittedOffset::new(name.clone(), TOPIC),
            name,
            random,
            next_serial: index * 1_000_000,
            sent: Vec::new(),
            idempotent: None,
            transactional: None,
            transactions: Vec::new(),
            next_offset: 0,
        }
    }

    pub(super) async fn work(&mut self, client: &mut Client, identities: &Identities, steps: u64) {
        for _ in 0..steps {
            let step = match self.random.below(10) {
                0 | 1 => Step::WritePlain,
                2 | 3 => Step::WriteNumbered,
                4..=7 => match self.random.below(10) {
                    0..=4 => Step::WriteInTransaction,
                    5 | 6 => Step::CommitOffsetInTransaction,
                    _ => Step::EndTransaction { committed: self.random.flip() },
                },
                8 => Step::CommitOffset,
                _ => Step::LookAtOffset,
            };
            if self.take(step, client, identities).await.is_none() {
                return;
            }
        }
    }

    /// Takes a step; none when nobody answers any more.
    pub(super) async fn take(
        &mut self,
        step: Step,
        client: &mut Client,
        identities: &Identities,
    ) -> Option<()> {
        match step {
            Step::WritePlain => self.write_plain(client).await,
            Step::WriteNumbered => self.write_numbered(client, identities).await,
            Step::CommitOffset => self.offset.commit(client, NO_MEMBER).await,
            Step::LookAtOffset => self.offset.look(client).await,
            Step::WriteInTransaction | Step::CommitOffsetInTransaction | Step::EndTransaction { .. } => {
                self.go_on_with_transaction(step, client, identities).await
            }
        }
    }

    fn new_record(&mut self, transaction: Option<usize>) -> u64 {
        self.next_serial += 1;
        self.sent.push(Sent { serial: self.next_serial, place: None, transaction });
        self.next_serial
    }

    async fn write_plain(&mut self, client: &mut Client) -> Option<()> {
        let (partition, at) = (self.random.below(2) as i32, self.sent.len());
        let serial = self.new_record(None);
        match client.produce(TOPIC, partition, None, batch(serial, ProducerStamp::NONE, false)).await? {
            Ok(offset) => self.sent[at].place = Some((partition, offset)),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn write_numbered(&mut self, client: &mut Client, identities: &Identities) -> Option<()> {
        if self.idempotent.is_none() || self.random.below(30) == 0 {
            let request =
                InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() };
            let response = client.ask(5, request).await?;
            if let Err(error) = result(response.error_code) {
                assert_retriable(error);
                return Some(());
            }
            identities.claim(
                &format!("{}-{}", self.name, response.producer_id),
                response.producer_id,
                response.producer_epoch,
            );
            self.idempotent = Some(Producer::new(response.producer_id, response.producer_epoch));
        }
        let partition = self.random.below(2) as i32;
        let pending = self.idempotent.as_ref()?.pending[partition as usize];
        let at = pending.unwrap_or_else(|| {
            self.new_record(None);
            self.sent.len() - 1
        });
        let producer = self.idempotent.as_mut()?;
        producer.pending[partition as usize] = Some(at);
        let bytes = batch(self.sent[at].serial, producer.stamp(partition), false);
        match client.produce(TOPIC, partition, None, bytes).await? {
            Ok(offset) => {
                let place = Some((partition, offset));
                assert!(
                    self.sent[at].place.is_none() || self.sent[at].place == place,
                    "a duplicate elsewhere"
                );
                self.sent[at].place = place;
                let producer = self.idempotent.as_mut()?;
                producer.pending[partition as usize] = None;
                producer.sequences[partition as usize] += 1;
            }
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn go_on_with_transaction(
        &mut self,
        step: Step,
        client: &mut Client,
        identities: &Identities,
    ) -> Option<()> {
        // Without an identity it is tried again.
        if self.transactional.is_none() && self.begin(client, identities, TRIES_AT_WORK).await?.is_err() {
            return Some(());
        }
        if self.transactions.last().is_none_or(|last| last.end != End::Open) {
            self.transactions.push(Transaction { end: End::Open, begun: false, offset: None });
        }
        match step {
            Step::CommitOffsetInTransaction => self.commit_offset_in_transaction(client).await,
            Step::EndTransaction { .. } if !self.transactions.last()?.begun => Some(()),
            Step::EndTransaction { committed } => self.end_transaction(committed, client, identities).await,
            _ => self.write_in_transaction(client).await,
        }
    }

    /// Gets an identity, which aborts whatever is open. Gives the last error.
    async fn begin(
        &mut self,
        client: &mut Client,
        identities: &Identities,
        tries: usize,
    ) -> Option<Result<(), ErrorCode>> {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.name.as_str().into()),
            transaction_timeout_ms: 600_000,
            ..InitProducerIdRequest::default()
        };
        let mut outcome = Err(ErrorCode::CoordinatorNotAvailable);
        for _ in 0..tries {
            let response = client.ask(5, request.clone()).await?;
            outcome = result(response.error_code);
            match outcome {
                Ok(()) => {
                    identities.claim(&self.name, response.producer_id, response.producer_epoch);
                    self.transactional = Some(Producer::new(response.producer_id, response.producer_epoch));
                    let open = self.transactions.iter_mut().filter(|one| one.end == End::Open);
                    open.for_each(|one| one.end = End::Aborted);
                    break;
                }
                Err(ErrorCode::ConcurrentTransactions) => {}
                Err(error) => {
                    assert_retriable(error);
                    break;
                }
            }
        }
        Some(outcome)
    }

    async fn write_in_transaction(&mut self, client: &mut Client) -> Option<()> {
        let (partition, at) = (self.random.below(2) as i32, self.sent.len());
        let serial = self.new_record(Some(self.transactions.len() - 1));
        let stamp = self.transactional.as_ref()?.stamp(partition);
        match client.produce(TOPIC, partition, Some(&self.name), batch(serial, stamp, true)).await? {
            Ok(offset) => {
                self.sent[at].place = Some((partition, offset));
                self.transactions.last_mut()?.begun = true;
                self.transactional.as_mut()?.sequences[partition as usize] += 1;
            }
            Err(error) => {
                assert_retriable(error);
                self.transactional = None;
            }
        }
        Some(())
    }

    async fn commit_offset_in_transaction(&mut self, client: &mut Client) -> Option<()> {
        self.next_offset += 1;
        let offset = self.next_offset;
        let producer = self.transactional.as_ref()?;
        let partition = TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let request = TxnOffsetCommitRequest {
            transactional_id: self.name.as_str().into(),
            group_id: format!("{}-transactional", self.name),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            topics: vec![TxnOffsetCommitRequestTopic { name: TOPIC.into(), partitions: vec![partition] }],
            ..TxnOffsetCommitRequest::default()
        };
        match result(client.ask(5, request).await?.topics[0].partitions[0].error_code) {
            Ok(()) => {
                let transaction = self.transactions.last_mut()?;
                (transaction.begun, transaction.offset) = (true, Some(offset));
            }
            Err(error) => {
                assert_retriable(error);
                self.transactional = None;
            }
        }
        Some(())
    }

    async fn end_transaction(
        &mut self,
        committed: bool,
        client: &mut Client,
        identities: &Identities,
    ) -> Option<()> {
        let producer = self.transactional.take()?;
        let transaction = self.transactions.last_mut()?;
        transaction.end = if committed { End::Asked } else { End::Aborted };
        let request = EndTxnRequest {
            transactional_id: self.name.as_str().into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            committed,
        };
        let response = client.ask(5, request).await?;
        match result(response.error_code) {
            Ok(()) => {
                if committed {
                    self.transactions.last_mut()?.end = End::Committed;
                }
                let (id, epoch) = (response.producer_id, response.producer_epoch);
                identities.claim(&self.name, id, epoch);
                self.transactional = Some(Producer::new(id, epoch));
            }
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    /// After a start: an identity again, which ends what was open.
    pub(super) async fn settle(&mut self, client: &mut Client, identities: &Identities, story: &str) {
        self.transactional = None;
        if self.transactions.is_empty() {
            return;
        }
        let begun = self.begin(client, identities, TRIES).await;
        assert_eq!(begun, Some(Ok(())), "{story}: {} gets no identity", self.name);
    }

    /// Records that are known to be in the log, and transactions that are known to be committed.
    pub(super) fn tally(&self) -> [u64; 2] {
        let records = self.sent.iter().filter(|sent| sent.place.is_some()).count();
        let committed = self.transactions.iter().filter(|one| one.end == End::Committed).count();
        [records as u64, committed as u64]
    }

    /// Compares what consumers find with what was told. Once `settled`, no transaction is open any more.
    pub(super) fn check_records(&mut self, found: &Found, settled: bool, story: &str) {
        for sent in &mut self.sent {
            let place = found.records.get(&sent.serial);
            if sent.place.is_some() {
                assert_eq!(place, sent.place.as_ref(), "{story}: {} was told of {sent:?}", self.name);
            }
            sent.place = place.copied();
        }
        for (index, transaction) in self.transactions.iter_mut().enumerate() {
            let records: Vec<_> = self.sent.iter().filter(|sent| sent.transaction == Some(index)).collect();
            let visible = records.iter().filter(|sent| found.committed.contains_key(&sent.serial)).count();
            if settled && transaction.end == End::Asked && !records.is_empty() {
                transaction.end = if visible > 0 { End::Committed } else { End::Aborted };
            }
            let hidden = records.iter().filter(|sent| sent.place.is_none_or(|place| !found.is_stable(place)));
            let is_right = match transaction.end {
                End::Open | End::Aborted => visible == 0,
                End::Asked => true,
                End::Committed => visible + hidden.count() == records.len(),
            };
            assert!(is_right, "{story}: {} of {records:?} are visible, {transaction:?}", visible);
        }
        for sent in self.sent.iter().filter(|sent| sent.transaction.is_none()) {
            let is_visible = found.committed.contains_key(&sent.serial);
            let is_due = sent.place.is_some_and(|place| found.is_stable(place));
            assert_eq!(is_visible, is_due, "{story}: {sent:?} outside transactions");
        }
    }

    /// Compares the groups' offsets with what was told.
    pub(super) async fn check_offsets(&mut self, client: &mut Client, story: &str) {
        self.offset.check(client, story).await;
        let group = format!("{}-transactional", self.name);
        let found = fetch_settled_offset(client, &group, TOPIC, story).await;
        // A transaction without records is decided by its offset alone.
        for transaction in self.transactions.iter_mut().filter(|one| one.end == End::Asked) {
            let is_there = transaction.offset.is_none_or(|offset| offset <= found);
            transaction.end = if is_there { End::Committed } else { End::Aborted };
        }
        let committed = self.transactions.iter().filter(|one| one.end == End::Committed);
        let last = committed.filter_map(|one| one.offset).next_back();
        assert_eq!(found, last.unwrap_or(-1), "{story}: {:?}", self.transactions);
    }
}
