//! A partition that is offline, and the transaction that cannot be completed in it.

use millstream_log::fs::sim::{Fault, SplitMix};
use millstream_wire::ErrorCode;
use millstream_wire::messages::delete_topics::DeleteTopicsRequest;
use millstream_wire::messages::end_txn::EndTxnRequest;
use millstream_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use millstream_wire::records::ProducerStamp;

use super::client::{Client, TOPIC, batch, result};
use super::machine::Machine;
use super::topics::TopicKeeper;

async fn initialise(client: &mut Client) -> InitProducerIdResponse {
    let request = InitProducerIdRequest {
        transactional_id: Some("id".into()),
        transaction_timeout_ms: 60_000,
        ..InitProducerIdRequest::default()
    };
    client.ask(5, request).await.unwrap()
}

/// As in Kafka, markers are tried again until the partition takes them; and nobody waits for a partition that is deleted.
#[test]
fn a_transaction_in_an_offline_partition_ends_when_its_topic_is_deleted() {
    let mut machine = Machine::new(SplitMix::new(1));
    let fs = machine.fs.clone();
    let started = machine.run(async |running| {
        let client = &mut Client::connect(&running.broker);
        let core = running.broker.core.clone();
        let story = running.pump.drive(async {
            let keeper = TopicKeeper::new(SplitMix::new(1));
            keeper.create_shared(client).await.unwrap().unwrap();
            let producer = initialise(client).await;
            let (producer_id, producer_epoch) = (producer.producer_id, producer.producer_epoch);
            let stamp = ProducerStamp { producer_id, producer_epoch, base_sequence: 0 };
            client.produce(TOPIC, 0, Some("id"), batch(1, stamp, true)).await.unwrap().unwrap();
            let partition = core.store.partition(TOPIC, 0).unwrap();
            // What fails is a write or the sync of something else, until it is the sync that nobody believes the disk after.
            for (serial, after) in (2..).zip((0..8).cycle().take(40)) {
                fs.inject(after, Fault::Device);
                let plain = batch(serial, ProducerStamp::NONE, false);
                if let Err(error) = client.produce(TOPIC, 0, None, plain).await.unwrap() {
                    assert_eq!(error, ErrorCode::KafkaStorageError);
                }
                fs.clear_fault();
                if partition.is_offline() {
                    break;
                }
            }
            assert!(partition.is_offline());

            let commit =
                EndTxnRequest { transactional_id: "id".into(), producer_id, producer_epoch, committed: true };
            assert_eq!(result(client.ask(5, commit).await.unwrap().error_code), Ok(()));
            for _ in 0..3 {
                core.transactions.on_time();
                let busy = initialise(client).await.error_code;
                assert_eq!(result(busy), Err(ErrorCode::ConcurrentTransactions));
            }
            let request = DeleteTopicsRequest {
                topic_names: vec![TOPIC.into()],
                timeout_ms: 1000,
                ..DeleteTopicsRequest::default()
            };
            let deleted = client.ask(5, request).await.unwrap();
            assert_eq!(result(deleted.responses[0].error_code), Ok(()));
            core.transactions.on_time();
            core.transactions.markers_settled().await;
            let mut outcome = result(initialise(client).await.error_code);
            for _ in 0..100 {
                if outcome != Err(ErrorCode::ConcurrentTransactions) {
                    break;
                }
                outcome = result(initialise(client).await.error_code);
            }
            assert_eq!(outcome, Ok(()), "the transaction is complete");
        });
        assert!(story.await.is_some(), "somebody was never answered");
    });
    assert!(started);
}
