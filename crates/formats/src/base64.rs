//! Base64 as Flink's JSON and CSV hold `BYTES` in it: the standard alphabet, padded, without line feeds.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the bytes that `text` stands for. White space between groups of four is skipped; padding is required.
/// `None`, with `out` in an undefined state, when it is no Base64.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut group = [0u8; 4];
    let mut count = 0;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if count == 0 && byte <= b' ' {
            continue;
        }
        if byte == b'=' {
            // One or two characters of padding end a group of three or two; only white space may follow.
            if count < 2 || (count == 2 && bytes.next() != Some(b'=')) {
                return None;
            }
            let [a, b, c, _] = group;
            out.push(a << 2 | b >> 4);
            if count == 3 {
                out.push(b << 4 | c >> 2);
            }
            return bytes.all(|rest| rest <= b' ').then_some(());
        }
        group[count] = sextet(byte)?;
        count += 1;
        if count == 4 {
            let [a, b, c, d] = group;
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            (group, count) = ([0; 4], 0);
        }
    }
    (count == 0).then_some(())
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Appends the Base64 of `bytes`.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= group.len() { ALPHABET[sextet] } else { b'=' });
        }
    }
}
