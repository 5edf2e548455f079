use super::fingerprint;

#[test]
fn a_statement_is_its_words_and_its_data() {
    let of = |statement, tables: &[&'static str]| fingerprint(statement, tables.iter().copied());
    let known = of("INSERT INTO a SELECT * FROM f", &["f", "filesystem", "one.csv"]);
    assert_eq!(of("INSERT INTO a\n  SELECT *\tFROM f ", &["f", "filesystem", "one.csv"]), known);
    assert_ne!(of("INSERT INTO b SELECT * FROM f", &["f", "filesystem", "one.csv"]), known);
    assert_ne!(of("INSERT INTO a SELECT * FROM f", &["f", "filesystem", "two.csv"]), known);
}

#[test]
fn another_view_makes_another_statement() {
    let of =
        |view| fingerprint("INSERT INTO a SELECT * FROM v", ["f", "filesystem", "one.csv", view].into_iter());
    let known = of("CREATE VIEW v AS SELECT x FROM f");
    assert_eq!(of("CREATE VIEW v AS\n  SELECT x FROM f"), known);
    assert_ne!(of("CREATE VIEW v AS SELECT x + 1 FROM f"), known);
}
