//! Rows of JSON into a batch.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Fields, SchemaRef};
use bytes::Bytes;
use std::ops::Range;

use super::object::{Context, Walk};
use super::plan::ObjectPlan;
use super::scan::Scan;
use crate::column::{Arena, Column};
use crate::error::{BadRow, BadRowReason, Fault, FormatError};
use crate::options::JsonOptions;
use crate::projection::Projection;

/// A decoder of JSON objects.
#[derive(Debug)]
pub(crate) struct JsonDecoder {
    schema: SchemaRef,
    plan: ObjectPlan,
    columns: Vec<Column>,
    rows: usize,
    context: Context,
    shared: Bytes,
    shareable: bool,
}

impl JsonDecoder {
    pub(crate) fn new(
        declared: &SchemaRef,
        projection: &Projection,
        options: &JsonOptions,
    ) -> Result<Self, FormatError> {
        let schema = projection.apply(declared)?;
        let columns = crate::decoder::columns(schema.fields(), "json")?;
        let plan =
            ObjectPlan::new(declared.fields(), schema.fields(), "", options.decode_json_parser_enabled)?;
        let context = Context {
            arena: Arena::default(),
            timestamp_standard: options.timestamp_standard,
            fail_on_missing_field: options.fail_on_missing_field,
            ignore_parse_errors: options.ignore_parse_errors,
            has_decimal: has_decimal(declared.fields()),
            unescaped: Vec::new(),
            fault_path: Vec::new(),
            last_date: ([0; 10], 0),
        };
        Ok(JsonDecoder { schema, plan, columns, rows: 0, context, shared: Bytes::new(), shareable: false })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn share(&mut self, buffer: &Bytes) {
        self.shareable = self.context.arena.share(buffer);
        self.shared = buffer.clone();
    }

    pub(crate) fn push_range(&mut self, range: Range<usize>) -> Result<usize, BadRow> {
        let JsonDecoder { plan, columns, rows, context, shared, shareable, .. } = self;
        let Some(row) = shared.get(range.clone()) else {
            return Err(crate::decoder::outside(range.start));
        };
        push(plan, columns, rows, context, row, shareable.then_some(range.start as u32))
    }

    pub(crate) fn push(&mut self, row: &[u8]) -> Result<usize, BadRow> {
        let JsonDecoder { plan, columns, rows, context, .. } = self;
        push(plan, columns, rows, context, row, None)
    }

    pub(crate) fn push_null(&mut self) {
        for column in &mut self.columns {
            column.push_null();
        }
        self.rows += 1;
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            cut_back(&mut self.columns, rows);
            self.rows = rows;
        }
    }

    /// Forgets what rows look like.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        self.plan.forget();
    }

    pub(crate) fn finish(&mut self) -> Result<RecordBatch, FormatError> {
        let rows = std::mem::take(&mut self.rows);
        self.shared = Bytes::new();
        crate::decoder::finish(&self.schema, &mut self.columns, &mut self.context.arena, rows)
    }
}

fn has_decimal(fields: &Fields) -> bool {
    fn within(data_type: &DataType) -> bool {
        match data_type {
            DataType::Decimal128(..) => true,
            DataType::Struct(fields) => has_decimal(fields),
            DataType::List(item) | DataType::Map(item, _) => within(item.data_type()),
            _ => false,
        }
    }
    fields.iter().any(|field| within(field.data_type()))
}

fn cut_back(columns: &mut [Column], rows: usize) {
    for column in columns {
        column.truncate(rows);
    }
}

/// Decodes a message: an object is a row, an array of objects as many, nothing at all none.
fn push(
    plan: &mut ObjectPlan,
    columns: &mut [Column],
    rows: &mut usize,
    context: &mut Context,
    row: &[u8],
    shared: Option<u32>,
) -> Result<usize, BadRow> {
    if row.is_empty() {
        return Ok(0);
    }
    let copied = context.arena.copied();
    let mut walk = Walk { scan: Scan::new(row), context, shared };
    match message(&mut walk, plan, columns, *rows) {
        Ok(count) => {
            *rows += count;
            Ok(count)
        }
        Err(fault) => {
            cut_back(columns, *rows);
            context.arena.cut_back(copied);
            Err(report(fault, context))
        }
    }
}

#[inline(always)]
fn message(
    walk: &mut Walk<'_, '_>,
    plan: &mut ObjectPlan,
    columns: &mut [Column],
    rows: usize,
) -> Result<usize, Fault> {
    walk.scan.skip_space();
    if walk.scan.peek() == Some(b'{') {
        walk.scan.at += 1;
        // What follows the object is not looked at, as in Flink.
        walk.object(plan, columns, rows, 1)?;
        return Ok(1);
    }
    array_message(walk, plan, columns, rows)
}

#[cold]
fn array_message(
    walk: &mut Walk<'_, '_>,
    plan: &mut ObjectPlan,
    columns: &mut [Column],
    rows: usize,
) -> Result<usize, Fault> {
    if walk.scan.peek() != Some(b'[') {
        return Err(not_an_object(walk));
    }
    walk.scan.at += 1;
    walk.scan.skip_space();
    let mut count = 0;
    while walk.scan.peek() != Some(b']') {
        if count > 0 {
            if walk.scan.peek() != Some(b',') {
                return Err(walk.scan.unexpected());
            }
            walk.scan.at += 1;
            walk.scan.skip_space();
        }
        if walk.scan.peek() != Some(b'{') {
            return Err(not_an_object(walk));
        }
        walk.scan.at += 1;
        walk.object(plan, columns, rows + count, 2)?;
        count += 1;
        walk.scan.skip_space();
    }
    Ok(count)
}

fn not_an_object(walk: &Walk<'_, '_>) -> Fault {
    match walk.scan.kind() {
        Ok(kind) => Fault::new(BadRowReason::NotAnObject(kind), walk.scan.at),
        Err(fault) => fault,
    }
}

#[cold]
fn report(fault: Fault, context: &mut Context) -> BadRow {
    context.fault_path.reverse();
    let path = context.fault_path.join(".");
    context.fault_path.clear();
    BadRow { reason: fault.reason, path, position: fault.position }
}
