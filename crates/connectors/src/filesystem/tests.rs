//! Files in, files out: plain, gzip, in pieces, resumed, and wrong.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};
use millstream_engine::connector::{ColumnKind, ColumnSpec, Connector, FieldPath, Scan, Settings, TableSpec};
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::WriterIndex;
use millstream_engine::source::{BadRow, Position, Read, Source};
use tokio::runtime::Runtime;

use super::Filesystem;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

fn table(path: &Path, options: &[(&str, &str)]) -> TableSpec {
    let column = |name: &str, data_type| ColumnSpec {
        field: Arc::new(Field::new(name, data_type, true)),
        kind: ColumnKind::Physical,
    };
    let mut all = BTreeMap::from([("path".to_owned(), path.to_str().unwrap().to_owned())]);
    all.extend(options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    TableSpec {
        name: "t".to_owned(),
        columns: vec![column("name", DataType::Utf8View), column("n", DataType::Int64)],
        primary_key: Vec::new(),
        options: all,
    }
}

fn source(runtime: &Runtime, table: &TableSpec) -> Arc<dyn Source> {
    let projection = ["name", "n"].map(|name| FieldPath(vec![name.to_owned()])).to_vec();
    let connector = Filesystem::new(runtime.handle().clone());
    connector.source(table, &Scan { projection, follow: false }, &Settings::new()).unwrap()
}

fn read_all(source: &Arc<dyn Source>, resume: Option<Position>) -> (Vec<RecordBatch>, Vec<BadRow>) {
    let (mut batches, mut bad_rows) = (Vec::new(), Vec::new());
    for split in source.splits().unwrap() {
        let mut reader = source.open(&split, resume).unwrap();
        loop {
            match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(Read::Batch(batch))) => {
                    bad_rows.extend(batch.bad_rows);
                    batches.push(batch.rows);
                }
                Poll::Ready(Ok(Read::End)) => break,
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => std::thread::yield_now(),
            }
        }
    }
    (batches, bad_rows)
}

fn names(batches: &[RecordBatch]) -> Vec<String> {
    let names =
        |rows: &RecordBatch| rows.column(0).as_string_view().iter().flatten().map(str::to_owned).collect();
    batches.iter().flat_map(|rows| -> Vec<String> { names(rows) }).collect()
}

#[test]
fn a_gzip_file_is_read_whole_and_from_the_middle() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    let path = directory.path().join("rows.csv.gz");
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    for n in 0..50_000 {
        // A quoted line end now and then: records are not lines.
        let name = if n % 10 == 0 { format!("\"row\n{n}\"") } else { format!("row {n}") };
        writeln!(gzip, "{name},{n}").unwrap();
    }
    gzip.finish().unwrap();
    let source = source(&runtime, &table(&path, &[("format", "csv")]));
    let (batches, bad_rows) = read_all(&source, None);
    let all = names(&batches);
    assert_eq!((all.len(), bad_rows.len()), (50_000, 0));
    assert_eq!((all[0].as_str(), all[49_999].as_str()), ("row\n0", "row 49999"));
    let (rest, _) = read_all(&source, Some(Position(49_990)));
    assert_eq!(names(&rest), all[49_990..]);
}

#[test]
fn a_bad_record_is_named_and_the_last_line_needs_no_end() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    let path = directory.path().join("rows.json");
    std::fs::write(&path, "{\"name\":\"a\",\"n\":1}\r\n{\"name\":\"b\",\"n\":\"x\"}\n{\"name\":\"c\"}")
        .unwrap();
    let strict = source(&runtime, &table(&path, &[("format", "json")]));
    let (batches, bad_rows) = read_all(&strict, None);
    assert_eq!(names(&batches), ["a", "c"]);
    assert_eq!(bad_rows.len(), 1);
    assert_eq!(bad_rows[0].raw.as_deref(), Some(&b"{\"name\":\"b\",\"n\":\"x\"}"[..]));
    assert!(bad_rows[0].reason.contains("record 2"), "{}", bad_rows[0].reason);
}

#[test]
fn a_directory_is_read_in_the_order_of_names_without_hidden_files() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    for (file, text) in [("b.csv", "two,2\n"), ("a.csv", "one,1\n"), (".c.csv", "no,3\n"), ("_d", "no,4\n")] {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    let source = source(&runtime, &table(directory.path(), &[("format", "csv")]));
    assert_eq!(names(&read_all(&source, None).0), ["one", "two"]);
}

#[test]
fn a_part_is_hidden_until_its_epoch_is_committed() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    let input = directory.path().join("in.csv");
    std::fs::write(&input, "one,1\ntwo,2\n").unwrap();
    let (batches, _) = read_all(&source(&runtime, &table(&input, &[("format", "csv")])), None);

    let output = table(&directory.path().join("out"), &[("format", "json")]);
    let sink = Filesystem::new(runtime.handle().clone()).sink(&output, &Settings::new()).unwrap();
    let mut writer = sink.open(WriterIndex { index: 0, count: 1 }).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    writer.write(&Batch::append_only(batches[0].clone())).unwrap();
    writer.seal(Epoch(1)).unwrap();
    let committable = loop {
        if let Poll::Ready(prepared) = writer.poll_prepared(&mut context) {
            break prepared.unwrap().unwrap();
        }
        std::thread::yield_now();
    };
    let result = source(&runtime, &output);
    assert!(result.splits().unwrap().is_empty());
    // Somebody else who writes here does not take it for abandoned.
    let _other = sink.open(WriterIndex { index: 0, count: 1 }).unwrap();
    sink.commit(std::slice::from_ref(&committable)).unwrap();
    sink.commit(&[committable]).unwrap();
    let (rows, _) = read_all(&result, None);
    assert_eq!(names(&rows), ["one", "two"]);
    assert_eq!(rows[0].column(1).len(), 2);
}

/// What a directory holds, hidden files included.
fn listing(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A crash leaves parts behind: those that nobody fills any more go when somebody writes to the directory again.
#[test]
fn abandoned_parts_are_removed_and_others_are_not() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    let others = [".part-1-0-3.json.pending", ".other.inprogress", "part-1-0-1.json"];
    for name in others.iter().chain(&[".part-1-0-0.json.inprogress"]) {
        std::fs::write(directory.path().join(name), "{}").unwrap();
    }
    let filled = std::fs::File::create(directory.path().join(".part-1-0-2.json.inprogress")).unwrap();
    filled.lock().unwrap();
    let output = table(directory.path(), &[("format", "json")]);
    let sink = Filesystem::new(runtime.handle().clone()).sink(&output, &Settings::new()).unwrap();
    let _writer = sink.open(WriterIndex { index: 0, count: 1 }).unwrap();
    let mut expected = others.to_vec();
    expected.push(".part-1-0-2.json.inprogress");
    expected.sort_unstable();
    assert_eq!(listing(directory.path()), expected);
}

#[test]
fn what_is_wrong_is_said_where_it_is_wrong() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().unwrap());
    let connector = Filesystem::new(runtime.handle().clone());
    let scan = Scan { projection: vec![FieldPath(vec!["name".to_owned()])], follow: false };
    let missing = directory.path().join("missing.csv");
    for (options, hint) in [
        (
            &[("format", "csv"), ("json.ignore-parse-errors", "true")][..],
            "'json.ignore-parse-errors' is not known",
        ),
        (&[("format", "csv"), ("csv.null-litteral", "NA")][..], "null-literal"),
        (&[("format", "xml")][..], "xml"),
        (&[][..], "'format' is missing"),
    ] {
        let error =
            connector.source(&table(&missing, options), &scan, &Settings::new()).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
    let source = source(&runtime, &table(&missing, &[("format", "csv")]));
    assert!(source.splits().unwrap_err().to_string().contains("there is no file"));
}
