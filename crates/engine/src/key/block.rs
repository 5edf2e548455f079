//! Encoded keys of a batch, a word per row.

use std::fmt;

use arrow_buffer::BooleanBuffer;

use super::hash;

/// What a table compares first: an integer key itself, or 16 bytes that stand for a byte key.
pub(crate) trait Word: Copy + fmt::Debug + Send + 'static {
    /// The hash, version 1, of the key that is not a null integer.
    fn hash(self, arena: &[u8]) -> u64;

    /// Whether two keys are equal; each has its arena.
    fn same(self, arena: &[u8], other: Self, other_arena: &[u8]) -> bool;

    /// The word for the same key in `to`, where its long bytes are copied.
    fn moved(self, from: &[u8], to: &mut Vec<u8>) -> Self;
}

impl Word for i64 {
    #[inline]
    fn hash(self, _arena: &[u8]) -> u64 {
        hash::integer(self)
    }

    #[inline]
    fn same(self, _arena: &[u8], other: Self, _other_arena: &[u8]) -> bool {
        self == other
    }

    #[inline]
    fn moved(self, _from: &[u8], _to: &mut Vec<u8>) -> Self {
        self
    }
}

/// A byte key: `lo` is the length and the first 4 bytes, `hi` the next 8 or, past 12 bytes, the arena's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteWord {
    lo: u64,
    hi: u64,
}

/// The length that stands for null; no Arrow string is that long.
const NULL_LENGTH: u32 = u32::MAX;
/// The longest key that its word holds.
const INLINE_BYTES: usize = 12;

impl ByteWord {
    pub(super) const NULL: Self = Self { lo: NULL_LENGTH as u64, hi: 0 };

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is the length")]
    fn length(self) -> u32 {
        self.lo as u32
    }

    #[inline]
    pub(super) fn is_null(self) -> bool {
        self.length() == NULL_LENGTH
    }

    #[inline]
    fn is_long(self) -> bool {
        let length = self.length();
        length as usize > INLINE_BYTES && length != NULL_LENGTH
    }

    /// A string view of at most 12 bytes has the layout of a word.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub(super) fn of_short_view(view: u128) -> Option<Self> {
        let word = Self { lo: view as u64, hi: (view >> 64) as u64 };
        (word.length() as usize <= INLINE_BYTES).then_some(word)
    }

    /// The word of `bytes`, which go to `arena` if they are long. Bytes past 4 GiB − 2 are cut: no Arrow array of
    /// strings that the engine reads has such values.
    #[inline]
    pub(super) fn of(bytes: &[u8], arena: &mut Vec<u8>) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(NULL_LENGTH - 1);
        let mut padded = [0; 16];
        padded[..4].copy_from_slice(&length.to_le_bytes());
        if bytes.len() <= INLINE_BYTES {
            padded[4..4 + bytes.len()].copy_from_slice(bytes);
        } else {
            padded[4..8].copy_from_slice(&bytes[..4]);
            padded[8..].copy_from_slice(&(arena.len() as u64).to_le_bytes());
            arena.extend_from_slice(&bytes[..length as usize]);
        }
        let (lo, hi) = hash::halves(padded);
        Self { lo, hi }
    }

    fn long_bytes(self, arena: &[u8]) -> &[u8] {
        let start = usize::try_from(self.hi).unwrap_or(usize::MAX);
        &arena[start..start + self.length() as usize]
    }

    /// Shows the key's bytes to `take`; a null shows none.
    #[inline]
    pub(super) fn with_bytes<R>(self, arena: &[u8], take: impl FnOnce(&[u8]) -> R) -> R {
        if self.is_long() {
            return take(self.long_bytes(arena));
        }
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.lo.to_le_bytes());
        bytes[8..].copy_from_slice(&self.hi.to_le_bytes());
        let length = if self.is_null() { 0 } else { self.length() as usize };
        take(&bytes[4..4 + length])
    }
}

impl Word for ByteWord {
    #[inline]
    fn hash(self, arena: &[u8]) -> u64 {
        if self.is_long() { hash::bytes(self.long_bytes(arena)) } else { hash::word(self.lo, self.hi) }
    }

    #[inline]
    fn same(self, arena: &[u8], other: Self, other_arena: &[u8]) -> bool {
        self.lo == other.lo
            && if self.is_long() {
                self.long_bytes(arena) == other.long_bytes(other_arena)
            } else {
                self.hi == other.hi
            }
    }

    #[inline]
    fn moved(self, from: &[u8], to: &mut Vec<u8>) -> Self {
        if !self.is_long() {
            return self;
        }
        let hi = to.len() as u64;
        to.extend_from_slice(self.long_bytes(from));
        Self { lo: self.lo, hi }
    }
}

/// The keys of rows.
#[derive(Debug, Clone)]
pub(crate) struct KeyBlock<W> {
    /// A word per row; 0 for a null integer.
    pub(crate) words: Vec<W>,
    /// Which integers are not null; `None` when all are, and for byte keys, whose words say it.
    pub(crate) valid: Option<BooleanBuffer>,
    /// The bytes of long keys.
    pub(crate) arena: Vec<u8>,
}

impl<W: Word> KeyBlock<W> {
    pub(crate) fn hashes(&self, hashes: &mut Vec<u64>) {
        hashes.clear();
        hashes.extend(self.words.iter().map(|word| word.hash(&self.arena)));
        if let Some(valid) = &self.valid {
            let nulls = hashes.iter_mut().zip(valid.iter()).filter(|(_, valid)| !valid);
            nulls.for_each(|(hash, _)| *hash = hash::null_integer());
        }
    }

    /// The keys of some of the rows.
    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        let mut arena = Vec::new();
        let words = rows.iter().map(|row| self.words[*row as usize].moved(&self.arena, &mut arena)).collect();
        let valid =
            self.valid.as_ref().map(|valid| rows.iter().map(|row| valid.value(*row as usize)).collect());
        Self { words, valid, arena }
    }
}

/// Keys of either shape.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    /// One integer-like column, or no column at all.
    Integer(KeyBlock<i64>),
    /// Everything else.
    Bytes(KeyBlock<ByteWord>),
}

impl Keys {
    pub(crate) fn hashes(&self, hashes: &mut Vec<u64>) {
        match self {
            Self::Integer(block) => block.hashes(hashes),
            Self::Bytes(block) => block.hashes(hashes),
        }
    }

    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Integer(block) => Self::Integer(block.take(rows)),
            Self::Bytes(block) => Self::Bytes(block.take(rows)),
        }
    }

    /// An estimate of the memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Integer(block) => block.words.len() * 8,
            Self::Bytes(block) => block.words.len() * 16 + block.arena.len(),
        }
    }
}
