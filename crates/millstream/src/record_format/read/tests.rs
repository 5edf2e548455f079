//! Records taken apart: by hand, from inputs that come in pieces, and back from what `render` wrote.

use std::io::{Cursor, Read};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{ReadError, Record, RecordReader};
use crate::record_format::Format;

const LIMIT_BYTES: usize = 1 << 20;

/// Gives a few bytes at a time, as a pipe may.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.size.min(self.bytes.len()).min(buffer.len());
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

fn read_all(format: &str, input: impl Read) -> Result<Vec<Record>, ReadError> {
    let layout = Format::parse(format).unwrap().layout().unwrap();
    let mut reader = RecordReader::new(input, layout, LIMIT_BYTES);
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record);
    }
    Ok(records)
}

/// Keys and values; a field that the format lacks is `-`.
fn pairs(format: &str, input: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &Option<Bytes>| match bytes {
        Some(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        None => "-".to_owned(),
    };
    let whole = read_all(format, Cursor::new(input)).unwrap();
    for size in [1, 3, 7] {
        assert_eq!(read_all(format, Pieces { bytes: input, size }).unwrap(), whole, "in pieces of {size}");
    }
    whole.iter().map(|record| (text(&record.key), text(&record.value))).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn lines_are_values_and_the_last_needs_no_end() {
    assert_eq!(pairs("%v\\n", b"a\n\nb c\n"), [pair("-", "a"), pair("-", ""), pair("-", "b c")]);
    assert_eq!(pairs("%v\\n", b"a\nb"), [pair("-", "a"), pair("-", "b")]);
    assert_eq!(pairs("%v\\n", b""), []);
}

#[test]
fn keys_and_values_are_separated_by_what_stands_between() {
    assert_eq!(pairs("%k %v\\n", b"k v w\n v\nk \n"), [pair("k", "v w"), pair("", "v"), pair("k", "")]);
    assert_eq!(pairs("%k\\t%v\\n", b"k 1\tv\n"), [pair("k 1", "v")]);
    assert_eq!(pairs("%k=>%v;;", b"a=b=>c;d;;e=>f"), [pair("a=b", "c;d"), pair("e", "f")]);
    assert_eq!(pairs("key %k%%%v\\n", b"key a%b\nkey c%d\n"), [pair("a", "b"), pair("c", "d")]);
}

#[test]
fn a_text_without_end_takes_the_whole_input() {
    assert_eq!(pairs("%v", b"a\nb\n"), [pair("-", "a\nb\n")]);
    assert_eq!(pairs("%k:%v", b"a:b:c"), [pair("a", "b:c")]);
}

#[test]
fn lengths_before_a_text_end_it() {
    assert_eq!(pairs("%V{big32}%v", b"\0\0\0\x02a\n\0\0\0\0"), [pair("-", "a\n"), pair("-", "")]);
    assert_eq!(pairs("%K{little16}%V{hex8}%k%v\\n", b"\x01\x0002kvv\n"), [pair("k", "vv")]);
    assert_eq!(pairs("%K %V %k%v", b"1 2 kvv3 0 kkk"), [pair("k", "vv"), pair("kkk", "")]);
    assert_eq!(pairs("%V %v{hex}\\n", b"2 6162\n"), [pair("-", "ab")]);
    assert_eq!(pairs("%V %v{base64}%V %v{base64raw}", b"1 YQ==4 YWJjZA"), [pair("-", "abcd")]);
}

#[test]
fn text_and_numbers_are_decoded() {
    assert_eq!(pairs("%k{hex} %v{base64}\\n", b"4b6B YWI=\n"), [pair("Kk", "ab")]);
    let records = read_all("%p %d %v\\n", Cursor::new("-1 1357020000000 x\n")).unwrap();
    assert_eq!((records[0].partition, records[0].timestamp_ms), (-1, 1_357_020_000_000));
}

#[test]
fn headers_end_before_the_text_behind_them_or_after_their_number() {
    let headers = |format: &str, input: &str| -> Vec<Vec<(String, String)>> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let records = read_all(format, Cursor::new(input.to_owned())).unwrap();
        let of = |record: &Record| {
            record.headers.iter().map(|(name, value)| (text(name), text(value.as_ref().unwrap()))).collect()
        };
        records.iter().map(of).collect()
    };
    let two = vec![pair("a", "1"), pair("b", "2")];
    assert_eq!(headers("%v %h{%k:%v,}\\n", "x a:1,b:2,\ny \n"), [two.as_slice(), &[]]);
    assert_eq!(headers("%h{%k:%v,}\\t%v\\n", "a:1,b:2\tx\n"), [two.as_slice()]);
    assert_eq!(headers("%v\\n%h{%k:%v,}", "x\na:1,b:2"), [two.as_slice()]);
    assert_eq!(headers("%H %h{%k:%v,}%v\\n", "2 a:1,b:2,x\n0 y\n"), [two.as_slice(), &[]]);
}

#[test]
fn a_format_that_could_not_be_read_is_refused() {
    for (format, hint) in [
        ("\\n", "has `%v` or `%k`"),
        ("%p\\n", "has `%v` or `%k`"),
        ("%k%v\\n", "`%k` has no end"),
        ("%v%p", "`%v` has no end"),
        ("%h{%k:%v,}%v\\n", "`%h` has no end"),
        ("%v%h{%v,}\\n", "`%v` has no end"),
        ("%v %h{%v,}\\n", "headers to be read have a name"),
        ("%H %h{%k=%v}%v\\n", "a header within `%h` has no end"),
        ("%d{strftime[%F]} %v\\n", "in milliseconds"),
    ] {
        let error = Format::parse(format).unwrap().layout().unwrap_err();
        assert!(error.contains(hint), "{format}: {error}");
    }
}

#[test]
fn what_is_not_in_the_format_is_named() {
    for (format, input, expected) in [
        ("%k %v\\n", "a b\nc\n", "record 2 of standard input is not in the format: the input ends within it"),
        ("%v{hex}\\n", "6g\n", "`%v` is not hexadecimal"),
        ("%v{hex}\\n", "616\n", "`%v` is not hexadecimal"),
        ("%k{base64}\\n", "YQ*=\n", "`%k` is not base64"),
        ("%p %v\\n", "x y\n", "expected a number, found \"x y\\n\""),
        ("%p %v\\n", "9999999999 y\n", "9999999999 is out of range"),
        ("%p %v\\n", "99999999999999999999 y\n", "expected a number"),
        ("%V %v\\n", "-1 y\n", "-1 is not a length"),
        ("%V %v\\n", "1 yy\n", "expected \"\\n\", found \"y\\n\""),
        ("%V{big32}%v", "\0\0\0\u{7f}y", "the input ends within it"),
        ("%H{big64}%h{%k;}%v\\n", "\u{7f}\0\0\0\0\0\0\0", "the input ends within it"),
    ] {
        let error = read_all(format, Cursor::new(input)).unwrap_err().to_string();
        assert!(error.contains(expected), "{format}: {error}");
    }
}

#[test]
fn a_record_that_never_ends_is_not_kept_in_memory() {
    let error = read_all("%v\\n", std::io::repeat(b'x')).unwrap_err().to_string();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
    let error = read_all("%V{big64}%v", std::io::repeat(0x7f)).unwrap_err().to_string();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
}

/// Text without the signs that the formats below use.
fn plain() -> BoxedStrategy<Bytes> {
    "[a-z0-9 .é]{0,12}".prop_map(Bytes::from).boxed()
}

fn binary() -> BoxedStrategy<Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from).boxed()
}

fn records(text: BoxedStrategy<Bytes>) -> impl Strategy<Value = Vec<Record>> {
    let headers = vec((text.clone(), text.clone().prop_map(Some)), 0..4);
    let record = (text.clone(), text, headers, any::<i32>(), any::<i64>());
    let record = record.prop_map(|(key, value, headers, partition, timestamp_ms)| Record {
        partition,
        timestamp_ms,
        offset: -1,
        leader_epoch: -1,
        key: Some(key),
        value: Some(value),
        headers,
        ..Record::default()
    });
    vec(record, 0..6)
}

fn read_back(format: &str, records: &[Record], size: usize) -> Vec<Record> {
    let written = Format::parse(format).unwrap();
    let mut bytes = Vec::new();
    for (record, sequence) in records.iter().zip(1..) {
        written.render(record, sequence, &mut bytes);
    }
    read_all(format, Pieces { bytes: &bytes, size }).unwrap()
}

proptest! {
    #[test]
    fn what_is_rendered_with_separators_is_read_back(records in records(plain()), size in 1_usize..64) {
        for format in ["%p|%d|%k\\t%v\\t%h{%k=%v;}\\n", "%H:%h{%k=%v;}%k\\x00%v,%d %p\\r\\n"] {
            prop_assert_eq!(&read_back(format, &records, size), &records);
        }
    }

    #[test]
    fn what_is_rendered_with_lengths_is_read_back(records in records(binary()), size in 1_usize..64) {
        for format in [
            "%p{big32}%d{little64}%K{big16}%V{hex32}%k%v%H{little8}%h{%K{hex8}%k%V{big64}%v}",
            "%V %v{base64}%K %k{base64raw}%p{hex32}%d{hex64}%H,%h{%k{hex}=%v{hex};}\\n",
        ] {
            prop_assert_eq!(&read_back(format, &records, size), &records);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..200), size in 1_usize..64) {
        for format in ["%K{little8}%k%H{big64}%h{%k;}%v\\n", "%V{hex16}%v{base64}", "%p%d,%k{hex} %v"] {
            drop(read_all(format, Pieces { bytes: &bytes, size }));
        }
    }
}
