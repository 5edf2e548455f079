//! Which entries of a column are null.
//!
//! Nulls are rare in most columns, so their places are kept instead of a bit for every entry: an entry that is not
//! null costs a count.

use arrow_buffer::{BooleanBuffer, MutableBuffer, NullBuffer, bit_util};

/// The length of a column and the places of its nulls.
#[derive(Debug, Default)]
pub(crate) struct Nulls {
    len: usize,
    /// Ascending. A batch of more than 2^32 rows cannot be made: its offsets would not fit either.
    places: Vec<u32>,
}

impl Nulls {
    pub(crate) fn new() -> Self {
        Nulls::default()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn push_valid(&mut self) {
        self.len += 1;
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.places.push(self.len as u32);
        self.len += 1;
    }

    pub(crate) fn ends_in_null(&self) -> bool {
        self.places.last().is_some_and(|place| *place as usize + 1 == self.len)
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len {
            let kept = self.places.partition_point(|place| (*place as usize) < len);
            self.places.truncate(kept);
            self.len = len;
        }
    }

    /// The bitmap, if there is a null; empty afterwards.
    pub(crate) fn finish(&mut self) -> Option<NullBuffer> {
        let len = std::mem::take(&mut self.len);
        if self.places.is_empty() {
            return None;
        }
        let mut bits = MutableBuffer::new(0);
        bits.resize(bit_util::ceil(len, 8), 0xff);
        for place in self.places.drain(..) {
            bit_util::unset_bit(&mut bits, place as usize);
        }
        Some(NullBuffer::new(BooleanBuffer::new(bits.into(), 0, len)))
    }
}
