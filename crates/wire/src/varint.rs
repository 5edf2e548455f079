//! Variable-length integers as Protocol Buffers define them: seven bits per byte, the lowest group first.
//!
//! Records use the zigzag forms (`varint`, `varlong`); flexible messages use the unsigned form. The readers take
//! from the front of a slice and have inlined paths for one and two bytes, because a record walk is little else.
//! Encodings longer than the value needs are accepted, as Java does; bits that do not fit the type are an error.

use crate::{Result, WireError};

/// Most bytes that a 32-bit value takes.
pub const MAX_LEN_32: usize = 5;
/// Most bytes that a 64-bit value takes.
pub const MAX_LEN_64: usize = 10;

/// Takes an unsigned 32-bit value off the front of `buf`; `what` names it in errors.
///
/// # Errors
/// [`WireError::Truncated`] or [`WireError::VarintOverflow`].
#[inline(always)]
pub fn read_u32(buf: &mut &[u8], what: &'static str) -> Result<u32> {
    match **buf {
        [a, ref rest @ ..] if a < 0x80 => {
            *buf = rest;
            Ok(u32::from(a))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *buf = rest;
            Ok(u32::from(a & 0x7f) | u32::from(b) << 7)
        }
        _ => {
            let wide = read_long_form(buf, MAX_LEN_32, what)?;
            u32::try_from(wide).map_err(|_| WireError::VarintOverflow { what })
        }
    }
}

/// Takes an unsigned 64-bit value off the front of `buf`; `what` names it in errors.
///
/// # Errors
/// [`WireError::Truncated`] or [`WireError::VarintOverflow`].
#[inline(always)]
pub fn read_u64(buf: &mut &[u8], what: &'static str) -> Result<u64> {
    match **buf {
        [a, ref rest @ ..] if a < 0x80 => {
            *buf = rest;
            Ok(u64::from(a))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *buf = rest;
            Ok(u64::from(a & 0x7f) | u64::from(b) << 7)
        }
        _ => read_long_form(buf, MAX_LEN_64, what),
    }
}

/// Takes a zigzag 32-bit value off the front of `buf`; `what` names it in errors.
///
/// # Errors
/// [`WireError::Truncated`] or [`WireError::VarintOverflow`].
#[inline(always)]
pub fn read_i32(buf: &mut &[u8], what: &'static str) -> Result<i32> {
    Ok(unzigzag_32(read_u32(buf, what)?))
}

/// Takes a zigzag 64-bit value off the front of `buf`; `what` names it in errors.
///
/// # Errors
/// [`WireError::Truncated`] or [`WireError::VarintOverflow`].
#[inline(always)]
pub fn read_i64(buf: &mut &[u8], what: &'static str) -> Result<i64> {
    Ok(unzigzag_64(read_u64(buf, what)?))
}

#[inline(never)]
fn read_long_form(buf: &mut &[u8], max_len: usize, what: &'static str) -> Result<u64> {
    let mut value = 0u64;
    for (index, &byte) in buf.iter().take(max_len).enumerate() {
        let group = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if shift == 63 && group > 1 {
            return Err(WireError::VarintOverflow { what });
        }
        value |= group << shift;
        if byte < 0x80 {
            *buf = &buf[index + 1..];
            return Ok(value);
        }
    }
    if buf.len() >= max_len {
        return Err(WireError::VarintOverflow { what });
    }
    Err(WireError::Truncated { what, needed: buf.len() + 1, available: buf.len() })
}

/// Writes an unsigned value to the front of `out` and returns how many bytes it took.
///
/// # Panics
/// When `out` is shorter than [`len_u64`] of the value; callers hold stack arrays of the maximum length.
#[inline(always)]
pub fn write_u64(mut value: u64, out: &mut [u8]) -> usize {
    let mut index = 0;
    while value >= 0x80 {
        out[index] = value as u8 | 0x80;
        value >>= 7;
        index += 1;
    }
    out[index] = value as u8;
    index + 1
}

/// Writes a zigzag 32-bit value to the front of `out`, see [`write_u64`].
#[inline(always)]
pub fn write_i32(value: i32, out: &mut [u8]) -> usize {
    write_u64(u64::from(zigzag_32(value)), out)
}

/// Writes a zigzag 64-bit value to the front of `out`, see [`write_u64`].
#[inline(always)]
pub fn write_i64(value: i64, out: &mut [u8]) -> usize {
    write_u64(zigzag_64(value), out)
}

/// Bytes that the unsigned encoding of `value` takes, 1 to 10.
#[inline]
pub const fn len_u64(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes that the zigzag encoding of `value` takes, 1 to 5.
#[inline]
pub const fn len_i32(value: i32) -> usize {
    len_u64(zigzag_32(value) as u64)
}

/// Bytes that the zigzag encoding of `value` takes, 1 to 10.
#[inline]
pub const fn len_i64(value: i64) -> usize {
    len_u64(zigzag_64(value))
}

const fn zigzag_32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

const fn zigzag_64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline(always)]
const fn unzigzag_32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

#[inline(always)]
const fn unzigzag_64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests;
