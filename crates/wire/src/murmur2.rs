//! The hash that Java's producer partitions keys by: MurmurHash2 with Kafka's seed, over the serialised key.
//!
//! Every client that wants a key to land where Java's producer puts it must give the same bits, including the
//! sign handling of Java's `int` and of `Utils.toPositive`, which clears the sign bit instead of taking the absolute
//! value.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const ROTATION: u32 = 24;

/// MurmurHash2 of `key`, as `org.apache.kafka.common.utils.Utils.murmur2` computes it.
pub fn murmur2(key: &[u8]) -> i32 {
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> ROTATION;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of `key` among `partition_count`, as Java's default partitioner chooses it.
///
/// # Panics
/// When `partition_count` is 0: a topic has at least one partition.
pub fn partition_for_key(key: &[u8], partition_count: u32) -> u32 {
    (murmur2(key) as u32 & 0x7fff_ffff) % partition_count
}

#[cfg(test)]
mod tests;
