use super::*;
use proptest::prelude::*;

fn double(value: f64) -> String {
    let mut out = Vec::new();
    write_double(&mut out, value);
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn leading_digits_are_counted_and_summed(digits in "[0-9]{0,8}", after in "[^0-9]{8}") {
        let text = format!("{digits}{after}");
        let expected = if digits.is_empty() { 0 } else { digits.parse().unwrap() };
        prop_assert_eq!(leading_digits(*text.as_bytes().first_chunk().unwrap()), (expected, digits.len()));
    }

    #[test]
    fn any_bytes_have_as_many_leading_digits_as_they_have(bytes: [u8; 8]) {
        let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        prop_assert_eq!(leading_digits(bytes).1, count);
    }

    #[test]
    fn exact_quotients_are_what_std_reads(mantissa in 0..1u64 << 53, places in 0..23usize) {
        let text = format!("{mantissa}e-{places}");
        prop_assert_eq!(exact_quotient(mantissa, places), Some(text.parse().unwrap()));
    }

    #[test]
    fn short_doubles_are_read_as_std_reads_them(text in r"-?[0-9]{1,9}(\.[0-9]{0,9})?") {
        let read = parse_double(text.as_bytes()).map(f64::to_bits);
        prop_assert_eq!(read, text.parse::<f64>().ok().map(f64::to_bits));
    }

    #[test]
    fn doubles_read_back_as_they_were(bits: u64) {
        let value = f64::from_bits(bits);
        let read = parse_double(double(value).as_bytes()).unwrap();
        prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn floats_read_back_as_they_were(bits: u32) {
        let value = f32::from_bits(bits);
        let mut text = Vec::new();
        write_float(&mut text, value);
        let read = parse_float(&text).unwrap();
        prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn decimals_read_back_as_they_were(value in -99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999, scale in 0..20i8, plain: bool) {
        let mut text = Vec::new();
        write_decimal(&mut text, value, scale, if plain { DecimalStyle::Plain } else { DecimalStyle::Stripped });
        prop_assert_eq!(parse_decimal(&text, 38, scale), Ok(Some(value)));
    }

    #[test]
    fn integers_are_read_as_std_reads_them(text in "[+-]?[0-9]{1,21}") {
        prop_assert_eq!(parse_integer(text.as_bytes(), i64::MIN, i64::MAX).ok(), text.parse().ok());
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eEfdNaInity]{0,50}", precision in 1..=38u8) {
        let _ = (parse_decimal(text.as_bytes(), precision, 2), parse_double(text.as_bytes()), parse_float(text.as_bytes()));
        write_stripped_decimal(&mut Vec::new(), text.as_bytes());
    }
}

#[test]
fn doubles_look_as_java_writes_them() {
    for (value, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (39.02, "39.02"),
        (100.0, "100.0"),
        (0.001, "0.001"),
        (0.0009, "9.0E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (1.234e10, "1.234E10"),
        (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
        (5e-324, "4.9E-324"),
    ] {
        assert_eq!(double(value), text);
    }
}
