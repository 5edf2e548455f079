//! Units of time over the proleptic Gregorian calendar: what EXTRACT takes out of a moment, what FLOOR and CEIL cut
//! it to, and how far two moments lie apart.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use crate::expression::cast::time::add_months;
use crate::syntax::TimeUnit;

/// The value of a unit in a moment.
pub(super) fn extract(unit: TimeUnit, moment: NaiveDateTime) -> i64 {
    let year = i64::from(moment.year());
    let century = |size: i64| if year > 0 { (year + size - 1) / size } else { year / size - 1 };
    match unit {
        TimeUnit::Millennium => century(1000),
        TimeUnit::Century => century(100),
        TimeUnit::Decade => year.div_euclid(10),
        TimeUnit::Year => year,
        TimeUnit::IsoYear => i64::from(moment.iso_week().year()),
        TimeUnit::Quarter => i64::from(moment.month0() / 3 + 1),
        TimeUnit::Month => i64::from(moment.month()),
        TimeUnit::Week => i64::from(moment.iso_week().week()),
        TimeUnit::Day => i64::from(moment.day()),
        TimeUnit::DayOfWeek => i64::from(moment.weekday().number_from_sunday()),
        TimeUnit::IsoDayOfWeek => i64::from(moment.weekday().number_from_monday()),
        TimeUnit::DayOfYear => i64::from(moment.ordinal()),
        TimeUnit::Hour => i64::from(moment.hour()),
        TimeUnit::Minute => i64::from(moment.minute()),
        TimeUnit::Second => i64::from(moment.second()),
        TimeUnit::Millisecond => i64::from(moment.nanosecond() / 1_000_000),
        TimeUnit::Microsecond => i64::from(moment.nanosecond() / 1_000),
        TimeUnit::Nanosecond => i64::from(moment.nanosecond()),
        TimeUnit::Epoch => moment.and_utc().timestamp(),
    }
}

/// The milliseconds of a unit of fixed length.
pub(super) fn fixed_ms(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Week => Some(7 * 86_400_000),
        TimeUnit::Day => Some(86_400_000),
        TimeUnit::Hour => Some(3_600_000),
        TimeUnit::Minute => Some(60_000),
        TimeUnit::Second => Some(1_000),
        TimeUnit::Millisecond => Some(1),
        _ => None,
    }
}

/// The months of a unit that is counted in them.
pub(super) fn months(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Month => Some(1),
        TimeUnit::Quarter => Some(3),
        TimeUnit::Year => Some(12),
        TimeUnit::Decade => Some(120),
        TimeUnit::Century => Some(1_200),
        TimeUnit::Millennium => Some(12_000),
        _ => None,
    }
}

/// The first moment of the unit that a moment lies in, for units without a fixed length; weeks begin on Sunday.
pub(super) fn floor(unit: TimeUnit, moment: NaiveDateTime) -> Option<NaiveDateTime> {
    let (year, month) = (moment.year(), moment.month0());
    let date = match unit {
        TimeUnit::Week => {
            let back = u64::from(moment.weekday().num_days_from_sunday());
            moment.date().checked_sub_days(Days::new(back))?
        }
        TimeUnit::Month => NaiveDate::from_ymd_opt(year, month + 1, 1)?,
        TimeUnit::Quarter => NaiveDate::from_ymd_opt(year, month / 3 * 3 + 1, 1)?,
        TimeUnit::Year => NaiveDate::from_ymd_opt(year, 1, 1)?,
        TimeUnit::Decade => NaiveDate::from_ymd_opt(year.div_euclid(10) * 10, 1, 1)?,
        TimeUnit::Century => NaiveDate::from_ymd_opt((year - 1).div_euclid(100) * 100 + 1, 1, 1)?,
        TimeUnit::Millennium => NaiveDate::from_ymd_opt((year - 1).div_euclid(1000) * 1000 + 1, 1, 1)?,
        _ => return None,
    };
    Some(date.and_time(NaiveTime::MIN))
}

/// The first moment of a unit that is not before a moment.
pub(super) fn ceil(unit: TimeUnit, moment: NaiveDateTime) -> Option<NaiveDateTime> {
    let floor = floor(unit, moment)?;
    if floor == moment {
        return Some(floor);
    }
    match months(unit) {
        Some(months) => add_months(floor, months),
        None => floor.checked_add_days(Days::new(7)),
    }
}

/// How many whole units lie between two moments.
pub(super) fn difference(unit: TimeUnit, from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    if let Some(unit_ms) = fixed_ms(unit) {
        return to.signed_duration_since(from).num_milliseconds() / unit_ms;
    }
    let months_of = |moment: NaiveDateTime| i64::from(moment.year()) * 12 + i64::from(moment.month0());
    let mut months = months_of(to) - months_of(from);
    // A month that is not yet over does not count.
    let place = |moment: NaiveDateTime| (moment.day(), moment.time());
    if months > 0 && place(to) < place(from) {
        months -= 1;
    } else if months < 0 && place(to) > place(from) {
        months += 1;
    }
    months / self::months(unit).unwrap_or(1)
}
