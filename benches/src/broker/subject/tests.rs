//! What Kafka's producer prints is understood.

use super::*;

#[test]
fn the_last_line_has_the_rate() {
    let printed = "5201 records sent, 1040.2 records/sec (1.02 MB/sec), 3.1 ms avg latency, 9 ms max latency.\n\
                   500000 records sent, 52137.643 records/sec (50.92 MB/sec), 600.1 ms avg latency, 1 ms 50th.";
    assert_eq!(records_per_second(printed), Some(52_137.643));
    assert_eq!(records_per_second("org.apache.kafka.common.KafkaException"), None);
}
