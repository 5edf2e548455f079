//! Which partition a record goes to: by its key as Java's producer does, without a key in turns.
//!
//! Records without a key stay with one partition until a batch's worth of bytes has gone there and then move to another
//! at random (KIP-480, KIP-794), so that batches are full.

use millstream_wire::murmur2;
use rand::RngExt as _;

/// Chooses partitions for the records of one writer.
#[derive(Debug, Clone)]
pub struct Partitioner {
    partition_count: u32,
    switch_after_bytes: usize,
    current: u32,
    bytes_to_current: usize,
}

impl Partitioner {
    /// Chooses among `partition_count` partitions (at least one is assumed) and leaves one for another after
    /// `switch_after_bytes` of records without a key.
    pub fn new(partition_count: usize, switch_after_bytes: usize) -> Self {
        let partition_count = u32::try_from(partition_count).unwrap_or(u32::MAX).max(1);
        let current = rand::rng().random_range(0..partition_count);
        Self { partition_count, switch_after_bytes, current, bytes_to_current: 0 }
    }

    /// The partition of a record of about `record_bytes`.
    #[inline]
    pub fn partition_for(&mut self, key: Option<&[u8]>, record_bytes: usize) -> i32 {
        match key {
            Some(key) => murmur2::partition_for_key(key, self.partition_count) as i32,
            None => self.next_sticky(record_bytes),
        }
    }

    fn next_sticky(&mut self, record_bytes: usize) -> i32 {
        if self.bytes_to_current >= self.switch_after_bytes && self.partition_count > 1 {
            let step = rand::rng().random_range(1..self.partition_count);
            self.current = (self.current + step) % self.partition_count;
            self.bytes_to_current = 0;
        }
        self.bytes_to_current += record_bytes;
        self.current as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_javas_producer_puts_them() {
        // Utils.toPositive(Utils.murmur2(key)) % 4, from Apache Kafka's client.
        let mut partitioner = Partitioner::new(4, 100);
        let stations = ["EWR", "JFK", "LGA"].map(|key| partitioner.partition_for(Some(key.as_bytes()), 10));
        assert_eq!(
            stations,
            ["EWR", "JFK", "LGA"].map(|key| murmur2::partition_for_key(key.as_bytes(), 4) as i32)
        );
        assert_eq!(stations.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn records_without_a_key_fill_a_batch_and_move_on_to_every_partition() {
        let mut partitioner = Partitioner::new(5, 100);
        let mut runs = vec![(partitioner.partition_for(None, 10), 1)];
        for _ in 1..5000 {
            let partition = partitioner.partition_for(None, 10);
            match runs.last_mut() {
                Some((last, count)) if *last == partition => *count += 1,
                _ => runs.push((partition, 1)),
            }
        }
        assert!(runs.iter().all(|(_, count)| *count == 10));
        let seen: std::collections::BTreeSet<_> = runs.iter().map(|(partition, _)| *partition).collect();
        assert_eq!(seen.len(), 5);
        assert_eq!(Partitioner::new(1, 1).partition_for(None, 5), 0);
    }
}
