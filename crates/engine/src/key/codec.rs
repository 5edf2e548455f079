//! Key columns to encoded keys and back.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BinaryViewBuilder, BooleanBuilder, LargeBinaryBuilder, LargeStringBuilder, StringBuilder,
    StringViewBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{ArrowError, DataType};

use super::block::{ByteWord, KeyBlock, Keys};
use crate::error::EngineError;

const OPERATION: &str = "group key";

/// The shape of the keys of one operator.
#[derive(Debug, Clone)]
pub(crate) enum KeyCodec {
    /// No column: all rows are one group.
    Global,
    /// One column of an integer-like type.
    Integer(DataType),
    /// One string or binary column.
    Text(DataType),
    /// Any columns, one after the other.
    Row(Vec<DataType>),
}

fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn is_integer(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Time32, Time64, Timestamp};
    data_type.is_signed_integer()
        || matches!(data_type, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(_, _))
}

impl KeyCodec {
    /// The codec for columns of these types; otherwise the type that cannot be a key.
    pub(crate) fn new(types: Vec<DataType>) -> Result<Self, DataType> {
        let fits = |data_type: &DataType| {
            is_text(data_type) || *data_type == DataType::Boolean || data_type.primitive_width().is_some()
        };
        if let Some(unfit) = types.iter().find(|data_type| !fits(data_type)) {
            return Err(unfit.clone());
        }
        Ok(match types.as_slice() {
            [] => Self::Global,
            [only] if is_integer(only) => Self::Integer(only.clone()),
            [only] if is_text(only) => Self::Text(only.clone()),
            _ => Self::Row(types),
        })
    }

    /// The keys of `rows` rows.
    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Keys, EngineError> {
        let matching = match self {
            Self::Global => columns.is_empty(),
            Self::Integer(data_type) | Self::Text(data_type) => {
                columns.len() == 1 && columns[0].data_type() == data_type
            }
            Self::Row(types) => types.iter().eq(columns.iter().map(|column| column.data_type())),
        };
        if !matching {
            let actual = columns.first().map_or(&DataType::Null, |column| column.data_type());
            return Err(EngineError::column_type(OPERATION, format!("{self:?}"), actual));
        }
        Ok(match self {
            Self::Global => Keys::Integer(KeyBlock { words: vec![0; rows], valid: None, arena: Vec::new() }),
            Self::Integer(_) => Keys::Integer(integers(&columns[0])),
            Self::Text(_) => Keys::Bytes(texts(&columns[0])),
            Self::Row(_) => Keys::Bytes(encode_rows(columns, rows)),
        })
    }

    /// The columns of keys.
    pub(crate) fn decode(&self, keys: &Keys) -> Result<Vec<ArrayRef>, EngineError> {
        match (self, keys) {
            (Self::Global, _) => Ok(Vec::new()),
            (Self::Integer(data_type), Keys::Integer(block)) => Ok(vec![integer_column(block, data_type)?]),
            (Self::Text(data_type), Keys::Bytes(block)) => {
                let mut column = ColumnBuilder::new(data_type, block.words.len());
                for word in &block.words {
                    let bytes = |bytes: &[u8]| column.append((!word.is_null()).then_some(bytes));
                    word.with_bytes(&block.arena, bytes)?;
                }
                Ok(vec![column.finish()?])
            }
            (Self::Row(types), Keys::Bytes(block)) => decode_rows(types, block),
            _ => Err(EngineError::column_type(OPERATION, format!("{self:?}"), &DataType::Null)),
        }
    }
}

fn validity(column: &dyn Array) -> Option<BooleanBuffer> {
    column.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.inner().clone())
}

fn integers(column: &ArrayRef) -> KeyBlock<i64> {
    let data = column.to_data();
    let range = data.offset()..data.offset() + data.len();
    let values = &data.buffers()[0];
    let mut words: Vec<i64> = match data.data_type().primitive_width() {
        Some(1) => values.typed_data::<i8>()[range].iter().map(|value| i64::from(*value)).collect(),
        Some(2) => values.typed_data::<i16>()[range].iter().map(|value| i64::from(*value)).collect(),
        Some(4) => values.typed_data::<i32>()[range].iter().map(|value| i64::from(*value)).collect(),
        _ => values.typed_data::<i64>()[range].to_vec(),
    };
    let valid = validity(column);
    if let Some(valid) = &valid {
        let nulls = words.iter_mut().zip(valid.iter()).filter(|(_, valid)| !valid);
        nulls.for_each(|(word, _)| *word = 0);
    }
    KeyBlock { words, valid, arena: Vec::new() }
}

#[expect(clippy::cast_possible_truncation, reason = "a value of the column's own type comes back")]
fn integer_column(block: &KeyBlock<i64>, data_type: &DataType) -> Result<ArrayRef, EngineError> {
    let words = &block.words;
    let values = match data_type.primitive_width() {
        Some(1) => Buffer::from_vec(words.iter().map(|word| *word as i8).collect::<Vec<_>>()),
        Some(2) => Buffer::from_vec(words.iter().map(|word| *word as i16).collect::<Vec<_>>()),
        Some(4) => Buffer::from_vec(words.iter().map(|word| *word as i32).collect::<Vec<_>>()),
        _ => Buffer::from_vec(words.clone()),
    };
    fixed_column(values, words.len(), block.valid.clone(), data_type)
}

fn fixed_column(
    values: Buffer,
    rows: usize,
    valid: Option<BooleanBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef, EngineError> {
    let data = ArrayDataBuilder::new(data_type.clone())
        .len(rows)
        .add_buffer(values)
        .nulls(valid.map(NullBuffer::new))
        .align_buffers(true)
        .build();
    Ok(make_array(data.map_err(EngineError::computation(OPERATION))?))
}

fn texts(column: &ArrayRef) -> KeyBlock<ByteWord> {
    let mut arena = Vec::new();
    let rows = column.len();
    let mut words = Vec::with_capacity(rows);
    macro_rules! each {
        ($array:expr, $bytes:ident) => {{
            let array = $array;
            if array.null_count() == 0 {
                words.extend((0..rows).map(|row| ByteWord::of(array.value(row).$bytes(), &mut arena)));
            } else {
                words.extend(array.iter().map(|value| match value {
                    Some(value) => ByteWord::of(value.$bytes(), &mut arena),
                    None => ByteWord::NULL,
                }));
            }
        }};
    }
    match column.data_type() {
        DataType::Utf8 => each!(column.as_string::<i32>(), as_bytes),
        DataType::LargeUtf8 => each!(column.as_string::<i64>(), as_bytes),
        DataType::Binary => each!(column.as_binary::<i32>(), as_ref),
        DataType::LargeBinary => each!(column.as_binary::<i64>(), as_ref),
        DataType::BinaryView => each!(column.as_binary_view(), as_ref),
        _ => {
            let array = column.as_string_view();
            let valid = validity(array);
            words.extend(array.views().iter().enumerate().map(|(row, view)| {
                if valid.as_ref().is_some_and(|valid| !valid.value(row)) {
                    return ByteWord::NULL;
                }
                ByteWord::of_short_view(*view)
                    .unwrap_or_else(|| ByteWord::of(array.value(row).as_bytes(), &mut arena))
            }));
        }
    }
    KeyBlock { words, valid: None, arena }
}

/// Where a column's bytes are.
enum ColumnBytes<'a> {
    Fixed { data: ArrayData, width: usize },
    Boolean(&'a arrow_array::BooleanArray),
    Text(KeyBlock<ByteWord>),
}

impl<'a> ColumnBytes<'a> {
    fn new(column: &'a ArrayRef) -> Self {
        match column.data_type() {
            DataType::Boolean => Self::Boolean(column.as_boolean()),
            data_type => match data_type.primitive_width() {
                Some(width) => Self::Fixed { data: column.to_data(), width },
                None => Self::Text(texts(column)),
            },
        }
    }

    fn append(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Fixed { data, width } => {
                let start = (data.offset() + row) * width;
                bytes.extend_from_slice(&data.buffers()[0].as_slice()[start..start + width]);
            }
            Self::Boolean(array) => bytes.push(u8::from(array.value(row))),
            Self::Text(block) => block.words[row].with_bytes(&block.arena, |text| {
                bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(text);
            }),
        }
    }
}

fn encode_rows(columns: &[ArrayRef], rows: usize) -> KeyBlock<ByteWord> {
    let readers: Vec<(ColumnBytes<'_>, Option<BooleanBuffer>)> =
        columns.iter().map(|column| (ColumnBytes::new(column), validity(column))).collect();
    let (mut arena, mut bytes) = (Vec::new(), Vec::new());
    let words = (0..rows).map(|row| {
        bytes.clear();
        for (reader, valid) in &readers {
            let present = valid.as_ref().is_none_or(|valid| valid.value(row));
            bytes.push(u8::from(present));
            if present {
                reader.append(row, &mut bytes);
            }
        }
        ByteWord::of(&bytes, &mut arena)
    });
    KeyBlock { words: words.collect(), valid: None, arena }
}

fn decode_rows(types: &[DataType], block: &KeyBlock<ByteWord>) -> Result<Vec<ArrayRef>, EngineError> {
    let mut columns: Vec<ColumnBuilder> =
        types.iter().map(|data_type| ColumnBuilder::new(data_type, block.words.len())).collect();
    for word in &block.words {
        word.with_bytes(&block.arena, |bytes| {
            let mut rest = bytes;
            columns.iter_mut().try_for_each(|column| column.append_encoded(&mut rest))
        })?;
    }
    columns.into_iter().map(ColumnBuilder::finish).collect()
}

/// Builds a key column of any type.
enum ColumnBuilder {
    Fixed { data_type: DataType, width: usize, bytes: Vec<u8>, valid: Vec<bool> },
    Boolean(BooleanBuilder),
    Utf8(StringBuilder),
    LargeUtf8(LargeStringBuilder),
    Utf8View(StringViewBuilder),
    Binary(BinaryBuilder),
    LargeBinary(LargeBinaryBuilder),
    BinaryView(BinaryViewBuilder),
}

fn damaged() -> EngineError {
    EngineError::Computation {
        operation: OPERATION,
        error: ArrowError::InvalidArgumentError("encoded key is damaged".to_owned()),
    }
}

impl ColumnBuilder {
    fn new(data_type: &DataType, rows: usize) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::LargeUtf8 => Self::LargeUtf8(LargeStringBuilder::new()),
            DataType::Utf8View => Self::Utf8View(StringViewBuilder::with_capacity(rows)),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            DataType::LargeBinary => Self::LargeBinary(LargeBinaryBuilder::new()),
            DataType::BinaryView => Self::BinaryView(BinaryViewBuilder::with_capacity(rows)),
            data_type => match data_type.primitive_width() {
                Some(width) => Self::Fixed {
                    data_type: data_type.clone(),
                    width,
                    bytes: Vec::with_capacity(rows * width),
                    valid: Vec::with_capacity(rows),
                },
                None => Self::Utf8(StringBuilder::new()),
            },
        }
    }

    fn append(&mut self, value: Option<&[u8]>) -> Result<(), EngineError> {
        let text = |value: Option<&[u8]>| {
            value
                .map(|bytes| std::str::from_utf8(bytes).map(str::to_owned))
                .transpose()
                .map_err(|_| damaged())
        };
        match self {
            Self::Fixed { width, bytes, valid, .. } => {
                valid.push(value.is_some());
                match value {
                    Some(value) => bytes.extend_from_slice(value),
                    None => bytes.resize(bytes.len() + *width, 0),
                }
            }
            Self::Boolean(builder) => builder.append_option(value.map(|bytes| bytes == [1])),
            Self::Utf8(builder) => builder.append_option(text(value)?),
            Self::LargeUtf8(builder) => builder.append_option(text(value)?),
            Self::Utf8View(builder) => match value {
                Some(bytes) => builder.append_value(std::str::from_utf8(bytes).map_err(|_| damaged())?),
                None => builder.append_null(),
            },
            Self::Binary(builder) => builder.append_option(value),
            Self::LargeBinary(builder) => builder.append_option(value),
            Self::BinaryView(builder) => builder.append_option(value),
        }
        Ok(())
    }

    fn append_encoded(&mut self, rest: &mut &[u8]) -> Result<(), EngineError> {
        let (present, tail) = rest.split_first().ok_or_else(damaged)?;
        *rest = tail;
        if *present == 0 {
            return self.append(None);
        }
        let length = match self {
            Self::Fixed { width, .. } => *width,
            Self::Boolean(_) => 1,
            _ => {
                let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
                *rest = tail;
                u32::from_le_bytes(*length) as usize
            }
        };
        let (value, tail) = rest.split_at_checked(length).ok_or_else(damaged)?;
        *rest = tail;
        self.append(Some(value))
    }

    fn finish(self) -> Result<ArrayRef, EngineError> {
        Ok(match self {
            Self::Fixed { data_type, bytes, valid, .. } => {
                let rows = valid.len();
                let valid = valid.contains(&false).then(|| BooleanBuffer::from(valid));
                return fixed_column(Buffer::from_vec(bytes), rows, valid, &data_type);
            }
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Utf8(mut builder) => Arc::new(builder.finish()),
            Self::LargeUtf8(mut builder) => Arc::new(builder.finish()),
            Self::Utf8View(mut builder) => Arc::new(builder.finish()),
            Self::Binary(mut builder) => Arc::new(builder.finish()),
            Self::LargeBinary(mut builder) => Arc::new(builder.finish()),
            Self::BinaryView(mut builder) => Arc::new(builder.finish()),
        })
    }
}
