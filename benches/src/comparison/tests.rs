//! Sides take turns, warm-ups do not count, and ratios are those of the same round.

use std::cell::RefCell;

use super::*;

fn scripted<'a>(name: &'static str, log: &'a RefCell<String>, figures: &'a [f64]) -> Side<'a> {
    let mut at = 0;
    Side::new(name, move || {
        log.borrow_mut().push_str(&name[..1]);
        at += 1;
        Ok(vec![figures[at - 1]])
    })
}

#[test]
fn sides_alternate_and_warm_ups_do_not_count() {
    let log = RefCell::new(String::new());
    let sides = vec![
        scripted("ours", &log, &[1.0, 30.0, 20.0, 40.0]),
        scripted("peer", &log, &[100.0, 10.0, 10.0, 5.0]),
    ];
    let metrics = vec![Metric::higher("events", "1/s").goal("peer", 2.5)];
    let comparison = alternate("a job", Rounds { rounds: 3, warm_ups: 1 }, metrics, sides).unwrap();
    assert_eq!(*log.borrow(), "oppooppo");
    let json = comparison.json();
    let peer = &json["metrics"][0]["sides"]["peer"];
    assert_eq!(peer["ratios"], json!([3.0, 2.0, 8.0]));
    assert_eq!(peer["ratio_median"], json!(3.0));
    assert_eq!(peer["ratio_goal"], json!(2.5));
    assert_eq!(
        comparison.rows("job"),
        "| job | events | 30.0 (20.0–40.0) | 10.0 (5.00–10.0) | 3.00 (2.00–8.00) |\n"
    );
    let table = comparison.table();
    assert!(table.contains("ours is 3.00× as good (2.00–8.00), goal 2.5×"), "{table}");
}

#[test]
fn a_ratio_above_one_is_better_either_way() {
    assert_eq!(Better::Higher.ratio(30.0, 10.0), 3.0);
    assert_eq!(Better::Lower.ratio(10.0, 30.0), 3.0);
}

#[test]
fn spreads_and_numbers_read_well() {
    let spread = Spread::of(&[3.0, 1.0, 2.0, 10.0]);
    assert_eq!(spread, Spread { least: 1.0, median: 2.5, largest: 10.0 });
    let numbers = [0.814, 34.25, 277.0, 2_710_000.4, -1_234.0].map(number);
    assert_eq!(numbers, ["0.81", "34.2", "277", "2,710,000", "-1,234"]);
}

#[test]
fn a_side_that_fails_ends_the_measurement() {
    let sides = vec![Side::new("ours", || anyhow::bail!("no such binary"))];
    let error = alternate("a job", Rounds { rounds: 1, warm_ups: 0 }, vec![], sides).unwrap_err();
    assert_eq!(error.to_string(), "no such binary");
}
