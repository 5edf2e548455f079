use crate::binder::{Binder, Scope};
use crate::parser::parse_script;
use crate::syntax::{QueryBody, SelectItem, StatementKind};

/// An expression, bound over nothing and drawn with all its parentheses.
fn drawn(text: &str) -> String {
    let statements = parse_script(&format!("SELECT {text}"), "x").unwrap();
    let StatementKind::Query(query) = &statements[0].kind else { panic!("{statements:?}") };
    let QueryBody::Select(select) = &query.body else { panic!("{query:?}") };
    let SelectItem::Expression { expression, .. } = &select.items[0] else { panic!("{select:?}") };
    let scope = Scope::default();
    // PROCTIME() is not folded, so that the tree stays.
    Binder::scalar(&scope, "a test").bind(expression).unwrap().to_string()
}

#[test]
fn operators_bind_as_calcite_has_it() {
    let n = "EXTRACT(DAY FROM PROCTIME())";
    let day = "EXTRACT('DAY', PROCTIME())";
    for (text, expected) in [
        (format!("{n} + {n} * {n}"), format!("({day} + ({day} * {day}))")),
        (format!("{n} - {n} - {n}"), format!("(({day} - {day}) - {day})")),
        (format!("-{n} * {n}"), format!("(- {day} * {day})")),
        (
            format!("NOT {n} = 1 AND {n} = 2 OR {n} = 3"),
            format!("((NOT ({day} = 1) AND ({day} = 2)) OR ({day} = 3))"),
        ),
        (format!("{n} = 1 IS NULL"), format!("(({day} = 1) IS NULL)")),
        (
            format!("{n} BETWEEN 1 AND 2 AND {n} = 3"),
            format!("((({day} >= 1) AND ({day} <= 2)) AND ({day} = 3))"),
        ),
        (format!("{n} NOT IN (1, 2) OR TRUE"), format!("(NOT ({day} IN (1, 2)) OR TRUE)")),
        (format!("{n} / 3 < 2"), format!("(({day} / 3) < 2)")),
    ] {
        // Literals are widened to BIGINT at once and keep their digits.
        assert_eq!(drawn(&text), expected, "{text}");
    }
}

#[test]
fn names_keep_their_case_and_may_be_quoted() {
    let statements = parse_script("DROP TABLE `a``b`.MyTable;", "x").unwrap();
    let StatementKind::Drop { name, .. } = &statements[0].kind else { panic!("{statements:?}") };
    let parts: Vec<&str> = name.parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(parts, ["a`b", "MyTable"]);
}

#[test]
fn reserved_words_are_sorted() {
    assert!(super::reserved::is_reserved("select") && super::reserved::is_reserved("Value"));
    assert!(super::reserved::is_reserved("ABS") && super::reserved::is_reserved("YEAR"));
    assert!(!super::reserved::is_reserved("station") && super::reserved::is_reserved("dateTime"));
}
