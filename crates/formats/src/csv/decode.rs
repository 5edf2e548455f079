//! Records of CSV into a batch.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;

use super::convert::{Converter, Declared, check, push_null};
use super::record::{Dialect, Record, Value};
use crate::column::{Arena, Column, Place};
use crate::error::{BadRow, BadRowReason, Fault, FormatError};
use crate::number;
use crate::options::CsvOptions;
use crate::projection::Projection;

/// A decoder of CSV records.
#[derive(Debug)]
pub(crate) struct CsvDecoder {
    schema: SchemaRef,
    body: Body,
    rows: usize,
    shared: Bytes,
    shareable: bool,
}

/// What a row is decoded with.
#[derive(Debug)]
struct Body {
    /// For each value of a record the column it goes to, if it is read.
    targets: Vec<Option<usize>>,
    columns: Vec<Column>,
    declared: Vec<Declared>,
    names: Vec<String>,
    converter: Converter,
    dialect: Dialect,
    allow_comments: bool,
    rewritten: Vec<u8>,
}

impl CsvDecoder {
    pub(crate) fn new(
        declared: &SchemaRef,
        projection: &Projection,
        options: &CsvOptions,
    ) -> Result<Self, FormatError> {
        options.check()?;
        for field in declared.fields() {
            check(field, field.name(), false)?;
        }
        let schema = projection.apply(declared)?;
        // A ROW is one value here: what a projection leaves of it would have to be cut out after decoding.
        if let Some(field) =
            schema.fields().iter().find(|field| !declared.fields().iter().any(|whole| whole == *field))
        {
            return Err(FormatError::UnsupportedType {
                column: field.name().clone(),
                format: "csv",
                data_type: Box::new(field.data_type().clone()),
                hint: "csv reads a ROW as a whole: project the column, not its fields",
            });
        }
        let columns = crate::decoder::columns(schema.fields(), "csv")?;
        let targets = declared.fields().iter().map(|field| schema.index_of(field.name()).ok()).collect();
        let converter = Converter {
            arena: Arena::default(),
            null_literal: options.null_literal.as_ref().map(|literal| literal.as_bytes().to_vec()),
            element_delimiter: options.array_element_delimiter.as_bytes().to_vec(),
            ignore_parse_errors: options.ignore_parse_errors,
        };
        let body = Body {
            targets,
            columns,
            declared: schema.fields().iter().map(|field| Declared::new(field)).collect(),
            names: schema.fields().iter().map(|field| field.name().clone()).collect(),
            converter,
            dialect: Dialect::new(options),
            allow_comments: options.allow_comments,
            rewritten: Vec::new(),
        };
        Ok(CsvDecoder { schema, body, rows: 0, shared: Bytes::new(), shareable: false })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn share(&mut self, buffer: &Bytes) {
        self.shareable = self.body.converter.arena.share(buffer);
        self.shared = buffer.clone();
    }

    pub(crate) fn push_range(&mut self, range: Range<usize>) -> Result<usize, BadRow> {
        let Some(row) = self.shared.get(range.clone()) else {
            return Err(crate::decoder::outside(range.start));
        };
        let count = self.body.push(row, self.rows, self.shareable.then_some(range.start as u32))?;
        self.rows += count;
        Ok(count)
    }

    pub(crate) fn push(&mut self, row: &[u8]) -> Result<usize, BadRow> {
        let count = self.body.push(row, self.rows, None)?;
        self.rows += count;
        Ok(count)
    }

    pub(crate) fn push_null(&mut self) {
        for column in &mut self.body.columns {
            column.push_null();
        }
        self.rows += 1;
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            self.body.cut_back(rows);
            self.rows = rows;
        }
    }

    pub(crate) fn finish(&mut self) -> Result<RecordBatch, FormatError> {
        let rows = std::mem::take(&mut self.rows);
        self.shared = Bytes::new();
        let body = &mut self.body;
        crate::decoder::finish(&self.schema, &mut body.columns, &mut body.converter.arena, rows)
    }
}

impl Body {
    fn push(&mut self, row: &[u8], rows: usize, shared: Option<u32>) -> Result<usize, BadRow> {
        let copied = self.converter.arena.copied();
        let mut index = 0;
        self.record(row, shared, &mut index).map_err(|fault| {
            self.cut_back(rows);
            self.converter.arena.cut_back(copied);
            let in_value =
                !matches!(fault.reason, BadRowReason::ValueCount { .. } | BadRowReason::InvalidUtf8);
            let name = self.targets.get(index).copied().flatten().and_then(|column| self.names.get(column));
            let path = name.filter(|_| in_value).cloned().unwrap_or_default();
            BadRow { reason: fault.reason, path, position: fault.position }
        })
    }

    fn cut_back(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.truncate(rows);
        }
    }

    /// Decodes the first record of `row`; 0 when there is none in it. `index` says at which value it stands.
    fn record(&mut self, row: &[u8], shared: Option<u32>, index: &mut usize) -> Result<usize, Fault> {
        if let Err(error) = simdutf8::compat::from_utf8(row) {
            return Err(Fault::new(BadRowReason::InvalidUtf8, error.valid_up_to()));
        }
        let mut start = if row.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        while let Some(rest) = row.get(start..).filter(|_| self.allow_comments) {
            if number::trim(rest).first() != Some(&b'#') {
                break;
            }
            start = memchr::memchr(b'\n', rest).map_or(row.len(), |at| start + at + 1);
        }
        if start == row.len() {
            // Flink's parser finds no content here, which it refuses unless errors are ignored.
            return if self.converter.ignore_parse_errors || start > 0 {
                Ok(0)
            } else {
                Err(Fault::new(BadRowReason::UnexpectedEnd, 0))
            };
        }
        let mut record = Record::new(row, start, self.dialect);
        let mut rewritten = std::mem::take(&mut self.rewritten);
        let result = self.values(row, shared, &mut record, &mut rewritten, index);
        self.rewritten = rewritten;
        result.map(|()| 1)
    }

    fn values(
        &mut self,
        row: &[u8],
        shared: Option<u32>,
        record: &mut Record<'_>,
        rewritten: &mut Vec<u8>,
        index: &mut usize,
    ) -> Result<(), Fault> {
        let expected = self.targets.len();
        loop {
            let position = record.at;
            let Some(value) = record.next(rewritten)? else { break };
            if *index == expected {
                // One blank value more is a trailing delimiter; everything else is too much.
                let blank =
                    |start, end| row.get(start..end).unwrap_or_default().iter().all(|byte| *byte <= b' ');
                let empty = matches!(value, Value::Row(start, end) if blank(start, end));
                if empty && record.next(rewritten)?.is_none() {
                    break;
                }
                let found = expected + 1;
                return Err(Fault::new(BadRowReason::ValueCount { expected, found }, position));
            }
            if let Some(target) = self.targets.get(*index).copied().flatten() {
                let (Some(column), Some(declared)) =
                    (self.columns.get_mut(target), self.declared.get(target))
                else {
                    continue;
                };
                let (text, place) = match value {
                    Value::Row(start, end) => (
                        row.get(start..end).unwrap_or_default(),
                        shared.map_or(Place::Elsewhere, |base| Place::Shared(base + start as u32)),
                    ),
                    Value::Rewritten => (rewritten.as_slice(), Place::Elsewhere),
                };
                self.converter.push(column, *declared, text, place, position)?;
            }
            *index += 1;
        }
        if *index == expected {
            return Ok(());
        }
        if !self.converter.ignore_parse_errors {
            return Err(Fault::new(BadRowReason::ValueCount { expected, found: *index }, record.at));
        }
        for target in self.targets.iter().skip(*index).copied().flatten() {
            if let (Some(column), Some(declared)) = (self.columns.get_mut(target), self.declared.get(target))
            {
                push_null(column, *declared, record.at)?;
            }
        }
        Ok(())
    }
}
