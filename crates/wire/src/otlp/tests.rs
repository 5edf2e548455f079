//! Messages put together by hand, and bytes that are none.

use proptest::prelude::*;

use super::*;

/// A field with bytes.
fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    let mut length = [0; varint::MAX_LEN_64];
    let taken = varint::write_u64(content.len() as u64, &mut length);
    [&[(number << 3 | 2) as u8], &length[..taken], content].concat()
}

fn number(number: u32, value: u8) -> Vec<u8> {
    vec![(number << 3) as u8, value]
}

fn fixed(number: u32, bits: u64) -> Vec<u8> {
    [&[(number << 3 | 1) as u8], bits.to_le_bytes().as_slice()].concat()
}

fn attribute(field: u32, key: &str, value: &[u8]) -> Vec<u8> {
    bytes(field, &[bytes(1, key.as_bytes()), bytes(2, value)].concat())
}

fn metrics_data(metrics: &[Vec<u8>]) -> Vec<u8> {
    let resource = bytes(1, &attribute(1, "group_id", &bytes(1, b"readers")));
    let scope = bytes(2, &metrics.iter().flat_map(|metric| bytes(2, metric)).collect::<Vec<_>>());
    // As encoders may: what the points belong to stands behind them.
    bytes(1, &[scope, resource].concat())
}

fn metric(name: &str, field: u32, data: &[u8]) -> Vec<u8> {
    [bytes(1, name.as_bytes()), bytes(field, data)].concat()
}

fn points(data: &[u8]) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    visit_points(data, &mut |point| {
        let Point { name, kind, value, attributes, resource } = point;
        seen.push(format!("{name} {kind:?} {value} {attributes:?} {resource:?}"));
    })?;
    Ok(seen)
}

#[test]
fn gauges_and_sums_are_read_with_their_attributes() {
    let node = [attribute(7, "node_id", &number(3, 7)), attribute(7, "list", &bytes(5, b""))].concat();
    let gauge = bytes(1, &[fixed(4, 2.5f64.to_bits()), node].concat());
    let minus = bytes(1, &fixed(6, (-3i64).cast_unsigned()));
    let counted = |temporality| [minus.clone(), number(2, temporality), number(3, 1)].concat();
    let data = metrics_data(&[
        metric("a", 5, &gauge),
        metric("b", 7, &counted(2)),
        metric("c", 7, &counted(1)),
        metric("d", 7, &minus),
    ]);
    let group = r#"{"group_id": Text("readers")}"#;
    let expected = [
        format!(r#"a Gauge 2.5 {{"node_id": Integer(7)}} {group}"#),
        format!("b Counter -3 {{}} {group}"),
        format!("c Increment -3 {{}} {group}"),
        format!("d Gauge -3 {{}} {group}"),
    ];
    assert_eq!(points(&data).unwrap(), expected);
}

#[test]
fn histograms_and_points_without_a_value_are_passed_over() {
    let unmeasured = bytes(1, &[fixed(4, 0), number(8, 1)].concat());
    let data = metrics_data(&[
        metric("histogram", 9, &bytes(1, &fixed(4, 0))),
        metric("unmeasured", 5, &unmeasured),
        metric("empty", 5, &bytes(1, b"")),
        metric("measured", 5, &bytes(1, &fixed(4, 0))),
    ]);
    assert_eq!(points(&data).unwrap().len(), 1);
    assert_eq!(points(b"").unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_no_message_is_refused() {
    let not_text = metrics_data(&[metric("x", 5, &bytes(1, &attribute(7, "k", &bytes(1, &[0xff]))))]);
    assert!(matches!(points(&not_text), Err(WireError::InvalidUtf8 { .. })));
    // A length beyond the end, a group (which the format has given up), a number without an end.
    assert!(matches!(points(&[0x0a, 0x7f, 0]), Err(WireError::Truncated { needed: 127, available: 1, .. })));
    assert!(matches!(points(&[0x0b]), Err(WireError::InvalidValue { found: 3, .. })));
    assert!(matches!(points(&[0x08, 0xff]), Err(WireError::Truncated { .. })));
}

proptest! {
    #[test]
    fn hostile_bytes_give_an_error_or_points(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = points(&data);
    }

    #[test]
    fn a_damaged_message_gives_an_error_or_points(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let gauge = bytes(1, &[fixed(4, 1), attribute(7, "node_id", &number(3, 7))].concat());
        let mut data = metrics_data(&[metric("a", 5, &gauge), metric("b", 7, &gauge)]);
        let at = at.index(data.len());
        data[at] = byte;
        data.truncate(cut.index(data.len()) + 1);
        prop_assert!(points(&data).map_or(0, |points| points.len()) <= 2 + data.len() / 2);
    }
}
