//! JSON rows, with the semantics of Flink 2.2's `json` format. `docs/formats/json.md` has the table.
//!
//! One walk decodes a row: it follows the text and, at every key, looks up what the schema wants of it. What makes it
//! fast is that the lookup is predicted from the previous row (`plan`), that unneeded values are skipped by structure
//! alone, and that values go from the text into the columns without an object between (`scan`, `leaf`). What makes it
//! right for any JSON is that a failed prediction only means a slower lookup: there is no second parser that could
//! answer otherwise.

mod decode;
mod encode;
mod leaf;
mod object;
mod plan;
mod scan;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use decode::JsonDecoder;
pub(crate) use encode::JsonEncoder;
