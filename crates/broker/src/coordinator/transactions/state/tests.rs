//! Every step from every state, as Kafka's coordinator takes them.

use millstream_wire::ErrorCode as E;

use super::TransactionState as S;
use super::TransactionVersion as V;
use super::*;

const NOW_MS: i64 = 1000;

fn producer(id: i64, epoch: i16) -> ProducerIdentity {
    ProducerIdentity { id, epoch }
}

/// A transactional id of producer 7 in epoch 3.
fn in_state(state: S) -> Transaction {
    let mut transaction = Transaction::new(7, 60_000, 0);
    transaction.producer.epoch = 3;
    transaction.state = state;
    if state == S::Ongoing || state.is_prepared() {
        transaction.partitions = place(0);
        transaction.start_ms = 500;
    }
    transaction
}

fn place(partition: i32) -> TopicPartitions {
    TopicPartitions::from_iter([("t", partition)])
}

fn written(init: Result<Init, E>) -> Transaction {
    match init {
        Ok(Init::Write(next)) => next,
        other => panic!("{other:?}"),
    }
}

fn ended(end: Result<End, E>) -> Transaction {
    match end {
        Ok(End::Write(next)) => next,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_initialisation_gives_epoch_0() {
    let new = Transaction::new(7, 60_000, 0);
    assert!(new.is_unused());
    let next = written(new.init(5, None, Some(7), NOW_MS));
    assert_eq!((next.producer, next.state, next.timeout_ms), (producer(7, 0), S::Empty, 5));
    // A producer that lost its id (and says which) gets the new one.
    let next = written(new.init(5, Some(producer(1, 9)), Some(7), NOW_MS));
    assert_eq!(next.producer, producer(7, 0));
}

#[test]
fn every_initialisation_fences_the_producer_before() {
    for state in [S::Empty, S::CompleteCommit, S::CompleteAbort] {
        let next = written(in_state(state).init(5, None, None, NOW_MS));
        assert_eq!((next.producer, next.state, next.last_epoch), (producer(7, 4), S::Empty, -1));
        assert!(next.partitions.is_empty() && next.start_ms == -1);
    }
    for state in [S::PrepareCommit, S::PrepareAbort] {
        assert_eq!(in_state(state).init(5, None, None, NOW_MS), Err(E::ConcurrentTransactions));
    }
    let Ok(Init::Abort(next)) = in_state(S::Ongoing).init(5, None, None, NOW_MS) else { panic!("aborts") };
    assert_eq!((next.producer, next.state), (producer(7, 4), S::PrepareAbort));
    assert_eq!((next.partitions, next.start_ms, next.timeout_ms), (place(0), 500, 60_000));
}

#[test]
fn a_producer_that_says_who_it_was_resumes_once() {
    let resumed = written(in_state(S::Empty).init(5, Some(producer(7, 3)), None, NOW_MS));
    assert_eq!((resumed.producer, resumed.last_epoch), (producer(7, 4), 3));
    // The answer was lost: the same again.
    let again = written(resumed.init(5, Some(producer(7, 3)), None, NOW_MS));
    assert_eq!((again.producer, again.last_epoch), (producer(7, 4), 3));
    // Somebody else came in between.
    let other = written(resumed.init(5, None, None, NOW_MS));
    assert_eq!(other.init(5, Some(producer(7, 4)), None, NOW_MS), Err(E::ProducerFenced));
    assert_eq!(other.init(5, Some(producer(8, 5)), None, NOW_MS), Err(E::ProducerFenced));
}

#[test]
fn a_producer_whose_epochs_are_used_up_gets_a_new_id() {
    let mut last = in_state(S::CompleteCommit);
    last.producer.epoch = i16::MAX - 1;
    assert_eq!(last.init(5, None, None, NOW_MS), Ok(Init::NeedsProducerId));
    let next = written(last.init(5, None, Some(8), NOW_MS));
    assert_eq!((next.producer, next.previous_producer_id, next.last_epoch), (producer(8, 0), 7, -1));
    let next = written(last.init(5, Some(last.producer), Some(8), NOW_MS));
    assert_eq!((next.producer, next.last_epoch), (producer(8, 0), i16::MAX - 1));
    // A retry under the old id.
    let again = written(next.init(5, Some(last.producer), Some(9), NOW_MS));
    assert_eq!(again.producer, producer(8, 0));
    // Fencing takes the last epoch, which no client is told.
    let mut open = in_state(S::Ongoing);
    open.producer.epoch = i16::MAX - 1;
    assert_eq!(open.fence(NOW_MS).producer, producer(7, i16::MAX));
    let aborted = open.fence(NOW_MS).complete(NOW_MS);
    assert_eq!(aborted.init(5, None, None, NOW_MS), Ok(Init::NeedsProducerId));
}

#[test]
fn partitions_open_a_transaction_and_join_it() {
    for state in [S::Empty, S::CompleteCommit, S::CompleteAbort] {
        let added = in_state(state).add_partitions(producer(7, 3), &place(1), V::V2, NOW_MS);
        let Ok(Add::Write { next, added }) = added else { panic!("{added:?}") };
        assert_eq!((next.state, next.start_ms, next.version), (S::Ongoing, NOW_MS, V::V2));
        assert_eq!((next.partitions, added), (place(1), place(1)));
    }
    let open = in_state(S::Ongoing);
    assert_eq!(open.add_partitions(producer(7, 3), &place(0), V::V2, NOW_MS), Ok(Add::Already));
    let both = TopicPartitions::from_iter([("t", 0), ("t", 1)]);
    let Ok(Add::Write { next, added }) = open.add_partitions(producer(7, 3), &both, V::V2, NOW_MS) else {
        panic!("adds")
    };
    assert_eq!((next.partitions, next.start_ms, added), (both, 500, place(1)));
    for state in [S::PrepareCommit, S::PrepareAbort] {
        let waits = in_state(state).add_partitions(producer(7, 4), &place(0), V::V2, NOW_MS);
        assert_eq!(waits, Ok(Add::Wait));
    }
    let fenced = open.add_partitions(producer(7, 2), &place(0), V::V2, NOW_MS);
    assert_eq!(fenced, Err(E::ProducerFenced));
    let other = open.add_partitions(producer(8, 3), &place(0), V::V2, NOW_MS);
    assert_eq!(other, Err(E::InvalidProducerIdMapping));
}

#[test]
fn a_partition_is_verified_against_the_open_transaction() {
    let open = in_state(S::Ongoing);
    assert_eq!(open.verify(producer(7, 3), "t", 0), Ok(()));
    assert_eq!(open.verify(producer(7, 3), "t", 1), Err(E::TransactionAbortable));
    assert_eq!(open.verify(producer(7, 2), "t", 0), Err(E::ProducerFenced));
    assert_eq!(open.verify(producer(8, 3), "t", 0), Err(E::InvalidProducerIdMapping));
    let prepared = in_state(S::PrepareCommit);
    assert_eq!(prepared.verify(producer(7, 3), "t", 0), Err(E::ConcurrentTransactions));
}

/// What EndTxn answers: the state that is written, that it was done before, or an error.
fn outcome(end: Result<End, E>) -> Result<Option<S>, E> {
    match end? {
        End::Write(next) => Ok(Some(next.state)),
        End::Already => Ok(None),
        End::NeedsProducerId => panic!("epochs are left"),
    }
}

#[test]
fn clients_of_version_0_end_what_is_open_and_may_repeat_it() {
    let cases = [
        (S::Ongoing, Ok(Some(S::PrepareCommit)), Ok(Some(S::PrepareAbort))),
        (S::CompleteCommit, Ok(None), Err(E::InvalidTxnState)),
        (S::CompleteAbort, Err(E::InvalidTxnState), Ok(None)),
        (S::Empty, Err(E::InvalidTxnState), Err(E::InvalidTxnState)),
        (S::PrepareCommit, Err(E::ConcurrentTransactions), Err(E::ConcurrentTransactions)),
        (S::PrepareAbort, Err(E::ConcurrentTransactions), Err(E::ConcurrentTransactions)),
    ];
    for (state, commit, abort) in cases {
        let transaction = in_state(state);
        let end = |committed| outcome(transaction.end(producer(7, 3), committed, V::V0, None, NOW_MS));
        assert_eq!((end(true), end(false)), (commit, abort), "{state:?}");
    }
    let open = in_state(S::Ongoing);
    let next = ended(open.end(producer(7, 3), true, V::V0, None, NOW_MS));
    assert_eq!((next.producer, next.producer_when_complete()), (producer(7, 3), producer(7, 3)));
    assert_eq!(open.end(producer(7, 2), true, V::V0, None, NOW_MS), Err(E::ProducerFenced));
    assert_eq!(open.end(producer(7, 4), true, V::V0, None, NOW_MS), Err(E::ProducerFenced));
    assert_eq!(open.end(producer(8, 3), true, V::V0, None, NOW_MS), Err(E::InvalidProducerIdMapping));
}

#[test]
fn clients_of_version_2_tell_a_retry_by_the_epoch_before() {
    // By state: commit and abort under the epoch before, then under the current one.
    let cases = [
        (
            S::Ongoing,
            [Err(E::ProducerFenced), Err(E::ProducerFenced)],
            [Ok(Some(S::PrepareCommit)), Ok(Some(S::PrepareAbort))],
        ),
        (
            S::Empty,
            [Err(E::ProducerFenced), Err(E::ProducerFenced)],
            [Err(E::InvalidTxnState), Ok(Some(S::PrepareAbort))],
        ),
        (
            S::CompleteAbort,
            [Err(E::InvalidTxnState), Ok(None)],
            [Err(E::InvalidTxnState), Ok(Some(S::PrepareAbort))],
        ),
        (
            S::CompleteCommit,
            [Ok(None), Err(E::InvalidTxnState)],
            [Err(E::InvalidTxnState), Ok(Some(S::PrepareAbort))],
        ),
    ];
    for (state, before, current) in cases {
        let transaction = in_state(state);
        let end =
            |epoch, committed| outcome(transaction.end(producer(7, epoch), committed, V::V2, None, NOW_MS));
        assert_eq!([end(2, true), end(2, false)], before, "{state:?}, epoch before");
        assert_eq!([end(3, true), end(3, false)], current, "{state:?}, current epoch");
        assert_eq!(end(1, false), Err(E::ProducerFenced), "{state:?}, an old epoch");
        assert_eq!(end(4, false), Err(E::ProducerFenced), "{state:?}, an epoch to come");
    }
}

#[test]
fn an_end_in_version_2_raises_the_epoch() {
    let next = ended(in_state(S::Ongoing).end(producer(7, 3), true, V::V2, None, NOW_MS));
    assert_eq!((next.producer, next.last_epoch, next.start_ms), (producer(7, 4), 3, 500));
    let complete = next.complete(NOW_MS);
    assert_eq!((complete.producer, complete.state), (producer(7, 4), S::CompleteCommit));
    assert!(complete.partitions.is_empty());
    // An abort of nothing begins and ends now.
    let next = ended(in_state(S::Empty).end(producer(7, 3), false, V::V2, None, NOW_MS));
    assert_eq!((next.start_ms, next.complete(NOW_MS).state), (NOW_MS, S::CompleteAbort));
}

#[test]
fn an_end_that_uses_up_the_epochs_hands_over_to_a_new_id() {
    let mut open = in_state(S::Ongoing);
    open.producer.epoch = i16::MAX - 1;
    let told = open.producer;
    assert_eq!(open.end(told, true, V::V2, None, NOW_MS), Ok(End::NeedsProducerId));
    let next = ended(open.end(told, true, V::V2, Some(8), NOW_MS));
    assert_eq!((next.producer, next.producer_when_complete()), (producer(7, i16::MAX), producer(8, 0)));
    let complete = next.complete(NOW_MS);
    assert_eq!((complete.producer, complete.next_producer_id), (producer(8, 0), None));
    // A retry under the id and epoch that the client knows.
    assert_eq!(complete.end(told, true, V::V2, None, NOW_MS), Ok(End::Already));
    assert_eq!(complete.end(told, false, V::V2, None, NOW_MS), Err(E::InvalidTxnState));
}

#[test]
fn time_ends_transactions_and_ids() {
    let open = in_state(S::Ongoing);
    assert!(!open.is_timed_out(60_500));
    assert!(open.is_timed_out(60_501));
    assert!(!in_state(S::PrepareCommit).is_timed_out(i64::MAX));
    for state in [S::Empty, S::CompleteCommit, S::CompleteAbort] {
        assert!(!in_state(state).is_expired(99, 100));
        assert!(in_state(state).is_expired(100, 100));
    }
    for state in [S::Ongoing, S::PrepareCommit, S::PrepareAbort] {
        assert!(!in_state(state).is_expired(i64::MAX, 0), "{state:?}");
    }
}
