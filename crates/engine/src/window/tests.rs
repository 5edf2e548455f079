use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_time_lies_in_its_pane(time in -1_000_000_i64..1_000_000, size in 1_i64..5_000, offset in -999_i64..999) {
        let tumble = Tumble { size_ms: size, offset_ms: offset % size };
        let start = tumble.start_of(time);
        prop_assert!(start <= time && time <= tumble.last_ms(start));
        prop_assert_eq!((start - tumble.offset_ms).rem_euclid(size), 0);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow(time in prop_oneof![Just(i64::MIN), Just(i64::MAX)], size in 1_i64..i64::MAX) {
        let tumble = Tumble { size_ms: size, offset_ms: 0 };
        prop_assert!(tumble.last_ms(tumble.start_of(time)) >= tumble.start_of(time));
    }
}

#[test]
fn the_slowest_active_input_decides() {
    let mut frontier = Frontier::new(2, i64::MIN);
    frontier.update(0, WatermarkStatus::Active(10));
    assert_eq!(frontier.combined_ms(), i64::MIN);
    frontier.update(1, WatermarkStatus::Active(5));
    assert_eq!(frontier.combined_ms(), 5);
    frontier.update(1, WatermarkStatus::Idle);
    assert_eq!(frontier.combined_ms(), 10);
    frontier.update(1, WatermarkStatus::Active(6));
    assert_eq!(frontier.combined_ms(), 10, "it never goes back");
}

#[test]
fn the_order_of_falling_idle_does_not_matter() {
    for order in [[0, 1], [1, 0]] {
        let mut frontier = Frontier::new(2, i64::MIN);
        frontier.update(0, WatermarkStatus::Active(10));
        frontier.update(1, WatermarkStatus::Active(5));
        for input in order {
            frontier.update(input, WatermarkStatus::Idle);
        }
        assert_eq!(frontier.combined_ms(), 10);
        assert!(frontier.is_idle());
    }
}

#[test]
fn an_ended_input_does_not_end_time_for_an_idle_one() {
    let mut frontier = Frontier::new(2, i64::MIN);
    frontier.update(0, WatermarkStatus::Active(10));
    frontier.update(1, WatermarkStatus::Active(5));
    frontier.update(1, WatermarkStatus::Idle);
    frontier.end(0);
    assert_eq!(frontier.combined_ms(), 10);
    frontier.end(1);
    assert_eq!(frontier.combined_ms(), i64::MAX);
}

#[test]
fn no_input_at_all_has_ended() {
    assert_eq!(Frontier::new(0, 7).combined_ms(), i64::MAX);
}

#[test]
fn the_board_leaves_out_the_reader() {
    let board = WatermarkBoard::new(2);
    board.publish(0, 5);
    board.publish(1, 9);
    assert_eq!((board.others(0), board.others(1)), (9, 5));
    assert_eq!(WatermarkBoard::new(1).others(0), i64::MAX);
}
