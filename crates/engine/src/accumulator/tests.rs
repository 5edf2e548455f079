use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int64Array, StringArray,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;

fn accumulate(function: AggregateFunction, values: ArrayRef, result: &DataType) -> ArrayRef {
    let mut accumulator = create(function, Some(values.data_type()), result, false).unwrap();
    accumulator.resize(1);
    accumulator.update(Some(&values), &vec![0; values.len()], None).unwrap();
    accumulator.read(&[0]).unwrap()
}

use AggregateFunction::{Avg, Count, Max, Min, Sum};

#[test]
fn integers_wrap_and_means_truncate_as_in_flink() {
    let bytes: ArrayRef = Arc::new(Int8Array::from(vec![100, 100, -3]));
    assert_eq!(accumulate(Sum, Arc::clone(&bytes), &DataType::Int8).as_ref(), &Int8Array::from(vec![-59]));
    assert_eq!(accumulate(Avg, bytes, &DataType::Int8).as_ref(), &Int8Array::from(vec![65]));
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1]));
    assert_eq!(accumulate(Sum, longs, &DataType::Int64).as_ref(), &Int64Array::from(vec![i64::MIN]));
    let negative: ArrayRef = Arc::new(Int64Array::from(vec![-3, -4]));
    assert_eq!(accumulate(Avg, negative, &DataType::Int64).as_ref(), &Int64Array::from(vec![-3]));
}

#[test]
fn an_empty_group_is_null_and_counts_nothing() {
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None, None]));
    for function in [Sum, Avg, Min, Max] {
        assert_eq!(accumulate(function, Arc::clone(&nulls), &DataType::Float64).null_count(), 1);
    }
    assert_eq!(accumulate(Count, nulls, &DataType::Int64).as_ref(), &Int64Array::from(vec![0]));
}

#[test]
fn decimals_round_half_up_and_overflow_to_null() {
    let decimal = |values: Vec<i128>, precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap())
    };
    let sums = accumulate(Sum, decimal(vec![150, 275], 5, 2), &DataType::Decimal128(38, 2));
    assert_eq!(sums.as_ref(), decimal(vec![425], 38, 2).as_ref());
    let means = accumulate(Avg, decimal(vec![1, 1, 3], 5, 2), &DataType::Decimal128(38, 6));
    assert_eq!(means.as_ref(), decimal(vec![16_667], 38, 6).as_ref());
    let largest = 10_i128.pow(38) - 1;
    let overflow = accumulate(Sum, decimal(vec![largest, 1, -5], 38, 0), &DataType::Decimal128(38, 0));
    assert_eq!(overflow.null_count(), 1);
}

#[test]
fn extremes_cover_the_ordered_types() {
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(3), None, Some(-1)]));
    assert_eq!(accumulate(Min, dates, &DataType::Date32).as_ref(), &Date32Array::from(vec![-1]));
    let times = TimestampMicrosecondArray::from(vec![5, 9]).with_timezone("UTC");
    let kind = times.data_type().clone();
    let latest = accumulate(Max, Arc::new(times), &kind);
    assert_eq!(latest.as_ref(), &TimestampMicrosecondArray::from(vec![9]).with_timezone("UTC"));
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["b", "ä", "a"]));
    assert_eq!(accumulate(Max, Arc::clone(&texts), &DataType::Utf8).as_ref(), &StringArray::from(vec!["ä"]));
    assert_eq!(accumulate(Min, texts, &DataType::Utf8View).as_ref(), &StringViewArray::from(vec!["a"]));
    let floats: ArrayRef = Arc::new(Float32Array::from(vec![0.0, -0.0, f32::NAN]));
    let least = accumulate(Min, Arc::clone(&floats), &DataType::Float32);
    assert_eq!(least.as_ref(), &Float32Array::from(vec![-0.0]));
    assert!(create(Min, Some(&DataType::Boolean), &DataType::Boolean, false).is_none());
}

/// A row of a test: its group, its value and whether it is inserted first and taken back later.
type Row = (u8, Option<i64>, bool);

fn column(kind: usize, values: &[Option<i64>]) -> ArrayRef {
    match kind {
        0 => Arc::new(values.iter().copied().collect::<Int64Array>()),
        1 => Arc::new(values.iter().map(|v| v.map(|v| v as f64 / 2.0)).collect::<Float64Array>()),
        2 => {
            let values = values.iter().map(|v| v.map(i128::from)).collect::<Decimal128Array>();
            Arc::new(values.with_precision_and_scale(10, 2).unwrap())
        }
        3 => Arc::new(values.iter().map(|v| v.map(|v| v as i32)).collect::<Date32Array>()),
        _ => Arc::new(
            values.iter().map(|v| v.map(|v| format!("{v} and a long tail"))).collect::<StringArray>(),
        ),
    }
}

fn results(kind: usize, function: AggregateFunction) -> Option<DataType> {
    let same = column(kind, &[]).data_type().clone();
    match (function, kind) {
        (Count, _) => Some(DataType::Int64),
        (Min | Max, _) | (Sum | Avg, 0 | 1) => Some(same),
        (Sum | Avg, 2) => Some(DataType::Decimal128(38, 6)),
        _ => None,
    }
}

proptest! {
    /// Rows that are taken back leave no trace; merging, encoding and freeing change nothing; rows passed on as
    /// partials are as good as rows.
    #[test]
    fn accumulators_agree(
        rows in prop::collection::vec((0_u8..4, prop::option::weighted(0.8, -100_i64..100), any::<bool>()), 0..60),
        kind in 0_usize..5, split in 0_usize..60,
    ) {
        for function in [Count, Sum, Avg, Min, Max] {
            let Some(result) = results(kind, function) else { continue };
            let kept: Vec<&Row> = rows.iter().filter(|row| !row.2).collect();
            let values = column(kind, &kept.iter().map(|row| row.1).collect::<Vec<_>>());
            let groups: Vec<GroupId> = kept.iter().map(|row| GroupId::from(row.0)).collect();
            let all: Vec<GroupId> = (0..4).collect();
            let new = |retracting| {
                let mut accumulator = create(function, Some(values.data_type()), &result, retracting).unwrap();
                accumulator.resize(4);
                accumulator
            };
            let mut plain = new(false);
            plain.update(Some(&values), &groups, None).unwrap();
            let expected = plain.read(&all).unwrap();

            // With retractions: everything comes, then what was not kept goes, in two parts that are merged.
            let mut changes: Vec<(GroupId, Option<i64>, i8)> =
                rows.iter().map(|row| (GroupId::from(row.0), row.1, 1)).collect();
            changes.extend(rows.iter().filter(|row| row.2).map(|row| (GroupId::from(row.0), row.1, -1)));
            let split = split.min(changes.len());
            let mut parts = [new(true), new(true)];
            for (part, changes) in parts.iter_mut().zip([&changes[..split], &changes[split..]]) {
                let values = column(kind, &changes.iter().map(|change| change.1).collect::<Vec<_>>());
                let groups: Vec<GroupId> = changes.iter().map(|change| change.0).collect();
                let weights: Vec<i8> = changes.iter().map(|change| change.2).collect();
                let states = part.states_of_rows(Some(&values), groups.len(), Some(&weights)).unwrap();
                prop_assert_eq!(states.len(), part.state_columns());
                part.merge(&states, &groups).unwrap();
                let merged = part.read(&all).unwrap();
                part.free(&all);
                part.update(Some(&values), &groups, Some(&weights)).unwrap();
                prop_assert_eq!(&merged, &part.read(&all).unwrap());
            }
            let [mut first, second] = parts;
            first.merge(&second.encode(&all).unwrap(), &all).unwrap();
            prop_assert_eq!(&first.read(&all).unwrap(), &expected);

            let mut decoded = new(false);
            decoded.update(Some(&values), &groups, None).unwrap();
            decoded.decode(&plain.encode(&all).unwrap(), &all).unwrap();
            prop_assert_eq!(&decoded.read(&all).unwrap(), &expected);
        }
    }
}

/// The mean of what is added in these runs, each accumulated alone and merged.
fn merged_mean(runs: &[&[f64]]) -> ArrayRef {
    let new = || create(Avg, Some(&DataType::Float64), &DataType::Float64, false).unwrap();
    let mut total = new();
    total.resize(1);
    for run in runs {
        let mut part = new();
        part.resize(1);
        let values: ArrayRef = Arc::new(Float64Array::from(run.to_vec()));
        part.update(Some(&values), &vec![0; run.len()], None).unwrap();
        total.merge(&part.encode(&[0]).unwrap(), &[0]).unwrap();
    }
    total.read(&[0]).unwrap()
}

proptest! {
    /// What a window holds after a restart was read in other batches.
    #[test]
    fn a_mean_does_not_depend_on_batches(
        hundredths in prop::collection::vec(-100_000_000_i32..100_000_000, 1..200),
        cut in 0_usize..200,
    ) {
        let values: Vec<f64> = hundredths.iter().map(|value| f64::from(*value) / 100.0).collect();
        let (left, right) = values.split_at(cut.min(values.len()));
        let ones: Vec<&[f64]> = values.chunks(1).collect();
        let whole = merged_mean(&[&values]);
        prop_assert_eq!(&whole, &merged_mean(&[left, right]));
        prop_assert_eq!(&whole, &merged_mean(&[right, left]));
        prop_assert_eq!(&whole, &merged_mean(&ones));
    }
}

#[test]
fn sums_beyond_double_are_those_of_double() {
    let sum = |values: Vec<f64>| {
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        accumulate(Sum, values, &DataType::Float64).as_primitive::<Float64Type>().value(0)
    };
    assert_eq!(sum(vec![f64::MAX, f64::MAX]), f64::INFINITY);
    assert_eq!(sum(vec![f64::NEG_INFINITY, 1.0]), f64::NEG_INFINITY);
    assert!(sum(vec![f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    assert!(sum(vec![f64::NAN, 1.0]).is_nan());
    assert_eq!(sum(vec![1e100, 1.0, -1e100]), 1.0);
}
