use super::fingerprint;

#[test]
fn a_statement_is_its_words_and_its_data() {
    let of = |statement, tables: &[&'static str]| fingerprint(statement, tables.iter().copied());
    let known = of("INSERT INTO a SELECT * FROM f", &["f", "filesystem", "one.csv"]);
    assert_eq!(of("INSERT INTO a\n  SELECT *\tFROM f ", &["f", "filesystem", "one.csv"]), known);
    assert_ne!(of("INSERT INTO b SELECT * FROM f", &["f", "filesystem", "one.csv"]), known);
    assert_ne!(of("INSERT INTO a SELECT * FROM f", &["f", "filesystem", "two.csv"]), known);
}
