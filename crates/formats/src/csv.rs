//! CSV rows, with the semantics of Flink 2.2's `csv` format (Jackson's CSV underneath).
//!
//! A message is one record; what follows its line end is not looked at. A value is quoted only when the quote is
//! its very first character; spaces count. Without `csv.null-literal` nothing is null: an empty value is an empty
//! string, and for other types an error, as in Flink.
//!
//! Differences: quote, delimiter and escape are ASCII, and input is UTF-8.

mod convert;
mod decode;
mod encode;
mod record;
mod split;

pub(crate) use decode::CsvDecoder;
pub(crate) use encode::CsvEncoder;
pub use split::RecordSplitter;
