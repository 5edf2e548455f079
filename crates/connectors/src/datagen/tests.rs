//! Sequences end, random values stay within their bounds, and names are checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};
use millstream_engine::connector::{ColumnKind, ColumnSpec, Connector, FieldPath, Scan, Settings, TableSpec};
use millstream_engine::source::{Position, Read, Source};

use super::Datagen;

fn table(options: &[(&str, &str)]) -> TableSpec {
    let column = |name: &str, data_type| ColumnSpec {
        field: Arc::new(Field::new(name, data_type, true)),
        kind: ColumnKind::Physical,
    };
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    TableSpec {
        name: "t".to_owned(),
        columns: vec![column("id", DataType::Int64), column("name", DataType::Utf8View)],
        primary_key: Vec::new(),
        options: options.collect::<BTreeMap<_, _>>(),
    }
}

fn source(options: &[(&str, &str)], columns: &[&str], runtime: &tokio::runtime::Runtime) -> Arc<dyn Source> {
    let projection = columns.iter().map(|name| FieldPath(vec![(*name).to_owned()])).collect();
    let scan = Scan { projection, follow: false };
    Datagen::new(runtime.handle().clone()).source(&table(options), &scan, &Settings::new()).unwrap()
}

fn read_all(source: &Arc<dyn Source>, resume: Option<Position>) -> Vec<RecordBatch> {
    let split = source.splits().unwrap().remove(0);
    let mut reader = source.open(&split, resume).unwrap();
    let mut batches = Vec::new();
    loop {
        match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Read::Batch(batch))) => batches.push(batch.rows),
            Poll::Ready(Ok(Read::End)) => return batches,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

#[test]
fn a_sequence_ends_the_table_even_when_its_column_is_not_read() {
    let runtime = runtime();
    let options = [
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "5"),
        ("fields.id.end", "24"),
        ("rows-per-second", "100000"),
    ];
    let whole = source(&options, &["id"], &runtime);
    let ids: Vec<i64> = read_all(&whole, None)
        .iter()
        .flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    assert_eq!(ids, (5..=24).collect::<Vec<_>>());
    let names: usize =
        read_all(&source(&options, &["name"], &runtime), None).iter().map(RecordBatch::num_rows).sum();
    assert_eq!(names, 20);
    let resumed = read_all(&whole, Some(Position(18)));
    assert_eq!(resumed[0].column(0).as_primitive::<Int64Type>().value(0), 23);
}

#[test]
fn random_values_stay_within_their_bounds() {
    let runtime = runtime();
    let options = [
        ("number-of-rows", "1000"),
        ("rows-per-second", "1000000"),
        ("fields.id.min", "-3"),
        ("fields.id.max", "3"),
        ("fields.name.length", "5"),
        ("fields.name.null-rate", "0.5"),
    ];
    let batches = read_all(&source(&options, &["id", "name"], &runtime), None);
    let (mut rows, mut nulls) = (0, 0);
    for batch in &batches {
        rows += batch.num_rows();
        nulls += batch.column(1).null_count();
        assert!(batch.column(0).as_primitive::<Int64Type>().values().iter().all(|id| (-3..=3).contains(id)));
        assert!(batch.column(1).as_string_view().iter().flatten().all(|name| name.len() == 5));
    }
    assert_eq!(rows, 1000);
    assert!((300..700).contains(&nulls), "{nulls}");
}

#[test]
fn an_option_of_a_column_that_does_not_exist_is_an_error() {
    let runtime = runtime();
    for (key, hint) in [("fields.nome.length", "no column `nome`"), ("fields.name.size", "is not an option")]
    {
        let connector = Datagen::new(runtime.handle().clone());
        let scan = Scan { projection: Vec::new(), follow: false };
        let error = connector.source(&table(&[(key, "5")]), &scan, &Settings::new()).unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
    }
}
