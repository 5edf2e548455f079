//! What a printed batch looks like.

use std::sync::Arc;

use arrow_array::{Int8Array, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::{DataType, Field, Schema};
use millstream_engine::element::Batch;

use super::lines;

#[test]
fn rows_are_printed_as_flink_prints_them() {
    let schema = Schema::new(vec![
        Field::new("station", DataType::Utf8View, true),
        Field::new("count", DataType::Int64, true),
    ]);
    let columns: Vec<arrow_array::ArrayRef> = vec![
        Arc::new(StringViewArray::from(vec![Some("EWR"), None])),
        Arc::new(Int64Array::from(vec![Some(24), Some(23)])),
    ];
    let rows = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let mut batch = Batch::append_only(rows);
    assert_eq!(lines("", &batch).unwrap(), "+I[EWR, 24]\n+I[null, 23]\n");
    batch.weights = Some(Int8Array::from(vec![-1, 1]));
    assert_eq!(lines("days> ", &batch).unwrap(), "days> -D[EWR, 24]\ndays> +I[null, 23]\n");
}
