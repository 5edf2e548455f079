//! `compression.type`: in which codec batches are stored.

use millstream_wire::records::Batch;

use super::*;

/// The codec of the first batch that is fetched.
fn codec_of(partition: &PartitionData) -> Compression {
    let bytes = partition.records.clone().unwrap();
    Batch::parse(&bytes).unwrap().header().attributes.compression()
}

#[tokio::test]
async fn batches_are_stored_in_the_codec_of_their_topic() {
    let mut test = TestBroker::start().await;
    let kinds = [
        ("uncompressed", Compression::None),
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ];
    for (name, stored) in kinds {
        let levels = [("compression.gzip.level", "9"), ("compression.zstd.level", "-5")];
        test.create_topic(name, 1, &[&[("compression.type", name)][..], &levels].concat()).await;
        let records: Vec<_> = (0..50).map(|_| (Some("key"), "the same value again and again")).collect();
        for sent in Compression::ALL {
            let answer = test.produce(name, 0, compressed(&records, sent)).await;
            assert_eq!(answer.error_code, 0, "{sent} to {name}: {:?}", answer.error_message);
            let fetched = test.fetch(name, 0, answer.base_offset).await;
            assert_eq!(codec_of(&fetched), stored, "{sent} to {name}");
            let offsets: Vec<_> = values(&fetched).into_iter().map(|(offset, _)| offset).collect();
            let first = answer.base_offset;
            assert_eq!(offsets, (first..first + 50).collect::<Vec<_>>(), "{sent} to {name}");
        }
    }
}

#[tokio::test]
async fn a_change_holds_from_the_next_batch_on_and_duplicates_are_known() {
    use millstream_wire::messages::alter_configs::{
        AlterConfigsRequest, AlterConfigsResource, AlterableConfig,
    };
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let first = test.produce("t", 0, idempotent("a", 77, 0, 0)).await;
    assert_eq!((first.error_code, first.base_offset), (0, 0));
    let config = AlterableConfig { name: "compression.type".to_owned(), value: Some("zstd".to_owned()) };
    let resource =
        AlterConfigsResource { resource_type: 2, resource_name: "t".to_owned(), configs: vec![config] };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    assert_eq!(test.ask(2, request).await.responses[0].error_code, 0);
    let second = test.produce("t", 0, idempotent("b", 77, 0, 1)).await;
    assert_eq!((second.error_code, second.base_offset), (0, 1));
    let again = test.produce("t", 0, idempotent("b", 77, 0, 1)).await;
    assert_eq!((again.error_code, again.base_offset), (0, 1));
    assert_eq!(codec_of(&test.fetch("t", 0, 0).await), Compression::None);
    assert_eq!(codec_of(&test.fetch("t", 0, 1).await), Compression::Zstd);
}

#[tokio::test]
async fn a_batch_that_grows_beyond_the_limit_is_refused() {
    let mut test = TestBroker::start().await;
    let configs = [("compression.type", "uncompressed"), ("max.message.bytes", "2000")];
    test.create_topic("t", 1, &configs).await;
    let large = "x".repeat(5000);
    let answer = test.produce("t", 0, compressed(&[(None, &large)], Compression::Zstd)).await;
    assert_eq!(answer.error_code, millstream_wire::ErrorCode::MessageTooLarge.code());
    let small = test.produce("t", 0, compressed(&[(None, "x")], Compression::Zstd)).await;
    assert_eq!((small.error_code, small.base_offset), (0, 0));
}
