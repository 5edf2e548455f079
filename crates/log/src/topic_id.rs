//! Topic ids as Kafka writes them: 128 bits in URL-safe Base64 without padding, 22 characters.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_LEN: usize = 22;

/// A random id. Kafka never hands out the ids 0 and 1 nor one whose text starts with `-`, which tools would take for an option.
pub fn random_id() -> Uuid {
    loop {
        let id = Uuid::new_v4();
        if !id_text(id).starts_with('-') {
            return id;
        }
    }
}

/// The text form of `id`.
pub fn id_text(id: Uuid) -> String {
    // 128 bits are 21 characters of six bits and one of two: shifted left by four they fill 132 bits.
    let bits = id.as_u128();
    (0..TEXT_LEN)
        .map(|index| {
            let six = if index == TEXT_LEN - 1 { bits << 4 } else { bits >> (122 - 6 * index) };
            char::from(ALPHABET[(six & 63) as usize])
        })
        .collect()
}

/// The id that `text` stands for; `None` when it is no id.
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut bits = 0_u128;
    for (index, byte) in text.bytes().enumerate() {
        let six = ALPHABET.iter().position(|&letter| letter == byte)? as u128;
        if index < TEXT_LEN - 1 {
            bits = bits << 6 | six;
        } else if six & 15 == 0 {
            bits = bits << 2 | six >> 4;
        } else {
            return None;
        }
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests {
    //! Texts as Kafka's `Uuid.toString` gives them.
    use super::*;

    #[test]
    fn ids_read_as_kafka_writes_them() {
        for (id, text) in [
            (Uuid::nil(), "AAAAAAAAAAAAAAAAAAAAAA"),
            (Uuid::from_u128(1), "AAAAAAAAAAAAAAAAAAAAAQ"),
            (Uuid::max(), "_____________________w"),
        ] {
            assert_eq!(id_text(id), text);
            assert_eq!(parse_id(text), Some(id));
        }
        for wrong in ["", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(parse_id(wrong), None);
        }
    }

    #[test]
    fn random_ids_come_back() {
        for _ in 0..100 {
            let id = random_id();
            assert_eq!(parse_id(&id_text(id)), Some(id));
        }
    }
}
