//! Columns of text and bytes as Arrow views, and the arena that their long values lie in.
//!
//! A value of up to 12 bytes lies in its view. A longer one lies in a buffer: in the caller's own (a fetched record
//! batch) when it stands there unescaped, so that nothing is copied, else in the arena's scratch buffer. All
//! columns of a batch share the arena's buffers, so views of one column name them by the same index as those of
//! another.
//!
//! A batch therefore keeps the caller's buffers alive. Whoever keeps single rows longer copies them out.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryViewArray, StringViewArray};
use arrow_buffer::Buffer;
use arrow_schema::ArrowError;
use bytes::Bytes;

use super::Nulls;

/// The longest value that lies in its view.
const INLINE_BYTES_MAX: usize = 12;

/// The buffers behind the views of one batch.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// The callers' buffers and, at `scratch_index`, a place kept for the scratch buffer.
    buffers: Vec<Buffer>,
    scratch: Vec<u8>,
    scratch_index: Option<u32>,
    shared_index: Option<u32>,
    shared: Bytes,
}

/// Where a text stands: in the shared buffer at this offset, or only in the bytes at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Shared(u32),
    Elsewhere,
}

impl Arena {
    /// Makes `buffer` the one that [`Place::Shared`] points into from now on. Buffers past 4 GiB are not shared.
    pub(crate) fn share(&mut self, buffer: &Bytes) -> bool {
        self.shared_index = None;
        self.shared = buffer.clone();
        u32::try_from(buffer.len()).is_ok()
    }

    /// Forgets all buffers: the batch is finished.
    pub(crate) fn reset(&mut self) {
        *self = Arena::default();
    }

    /// How much has been copied; for [`Arena::cut_back`].
    pub(crate) fn copied(&self) -> usize {
        self.scratch.len()
    }

    /// Takes back what was copied since [`Arena::copied`] said `len`.
    pub(crate) fn cut_back(&mut self, len: usize) {
        self.scratch.truncate(len);
    }

    /// Whether `value` is what stands at `offset` of the shared buffer: the very bytes, not equal ones.
    #[inline]
    fn shares(&self, value: &[u8], offset: u32) -> bool {
        let offset = offset as usize;
        let there = self.shared.get(offset..offset + value.len());
        there.is_some_and(|there| std::ptr::eq(there, value))
    }

    fn shared_index(&mut self) -> u32 {
        match self.shared_index {
            Some(index) => index,
            None => {
                let index = self.buffers.len() as u32;
                self.buffers.push(Buffer::from(self.shared.clone()));
                self.shared_index = Some(index);
                index
            }
        }
    }

    /// Copies `value` into the scratch buffer; `None` when that is full.
    fn copy(&mut self, value: &[u8]) -> Option<(u32, u32)> {
        let index = match self.scratch_index {
            Some(index) => index,
            None => {
                let index = self.buffers.len() as u32;
                self.buffers.push(Buffer::default());
                self.scratch_index = Some(index);
                index
            }
        };
        let offset = self.scratch.len();
        // Arrow's views count in 32 bits.
        if offset + value.len() > i32::MAX as usize {
            return None;
        }
        self.scratch.extend_from_slice(value);
        Some((index, offset as u32))
    }

    /// Closes the scratch buffer. Columns take the buffers after this.
    pub(crate) fn seal(&mut self) {
        let index = self.scratch_index.take();
        if let Some(place) = index.and_then(|index| self.buffers.get_mut(index as usize)) {
            *place = Buffer::from_vec(std::mem::take(&mut self.scratch));
        }
    }

    fn buffers(&self) -> Vec<Buffer> {
        self.buffers.clone()
    }
}

/// A column of views.
#[derive(Debug)]
pub(crate) struct Views {
    views: Vec<u128>,
    nulls: Nulls,
    long: usize,
}

impl Views {
    pub(crate) fn new() -> Self {
        Views { views: Vec::new(), nulls: Nulls::new(), long: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    /// Appends `value`; `false` when the batch can hold no more. In a column of text `value` must be UTF-8.
    pub(crate) fn push(&mut self, value: &[u8], place: Place, arena: &mut Arena) -> bool {
        if value.len() <= INLINE_BYTES_MAX {
            let mut view = [0u8; 16];
            view[0] = value.len() as u8;
            view[4..4 + value.len()].copy_from_slice(value);
            self.push_view(u128::from_le_bytes(view));
            return true;
        }
        let placed = match place {
            Place::Shared(offset) if arena.shares(value, offset) => Some((arena.shared_index(), offset)),
            _ => arena.copy(value),
        };
        let Some((index, offset)) = placed else { return false };
        let Some(prefix) = value.first_chunk::<4>() else { return false };
        self.push_view(
            (value.len() as u128)
                | u128::from(u32::from_le_bytes(*prefix)) << 32
                | u128::from(index) << 64
                | u128::from(offset) << 96,
        );
        self.long += 1;
        true
    }

    /// Appends a value of up to 12 bytes that stands at the front of `bytes`. In a column of text it must be UTF-8.
    #[inline(always)]
    pub(crate) fn push_short(&mut self, bytes: &[u8; 16], len: usize) {
        let len = len.min(INLINE_BYTES_MAX);
        let kept = u128::from_le_bytes(*bytes) & ((1u128 << (8 * len)) - 1);
        self.push_view(kept << 32 | len as u128);
    }

    #[inline(always)]
    fn push_view(&mut self, view: u128) {
        self.views.push(view);
        self.nulls.push_valid();
    }

    pub(crate) fn push_null(&mut self) {
        self.views.push(0);
        self.nulls.push_null();
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.views.truncate(len);
        self.nulls.truncate(len);
    }

    fn take(&mut self, arena: &Arena) -> (Vec<u128>, Vec<Buffer>, Option<arrow_buffer::NullBuffer>) {
        let next = Vec::with_capacity(self.views.len());
        let views = std::mem::replace(&mut self.views, next);
        let buffers = if self.long == 0 { Vec::new() } else { arena.buffers() };
        self.long = 0;
        (views, buffers, self.nulls.finish())
    }

    #[expect(unsafe_code, reason = "measured: 117 instead of 141 ns for a Nexmark event with one long text")]
    pub(crate) fn finish_text(&mut self, arena: &Arena) -> ArrayRef {
        let (views, buffers, nulls) = self.take(arena);
        // SAFETY: `push` and `push_short` are the only makers of views. A short view is the value padded with zeros. A
        // long one names bytes that `push` has seen to be the value: in the shared buffer, which is immutable and
        // whose place `arena.shares` has checked, or in the scratch buffer, where `copy` has put them. The arena
        // gives its buffers to the columns only once all are in place (`seal`), and cutting back drops the views of
        // what it drops. Callers push only text that was checked to be UTF-8, as both functions demand. Lengths of
        // views and nulls grow together.
        let array = unsafe { StringViewArray::new_unchecked(views.into(), buffers, nulls) };
        debug_assert!(array.to_data().validate_full().is_ok());
        Arc::new(array)
    }

    pub(crate) fn finish_bytes(&mut self, arena: &Arena) -> Result<ArrayRef, ArrowError> {
        let (views, buffers, nulls) = self.take(arena);
        Ok(Arc::new(BinaryViewArray::try_new(views.into(), buffers, nulls)?))
    }
}
