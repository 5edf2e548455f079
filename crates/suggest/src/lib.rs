//! The nearest of a list of names, for "did you mean".
//!
//! One rule for options, settings, columns, functions and topic configurations, so that a slip of the fingers is answered alike wherever it
//! happens. What is far from every name gets no suggestion: a wrong one misleads more than none.

/// Longer names than this are not misspelt but hostile; distances take the product of both lengths.
const LENGTH_MAX_BYTES: usize = 128;

/// The name with the smallest edit distance to `wanted` (insert, delete, replace, swap of neighbours), letters compared without case, if
/// it is near enough to be meant: up to a third of the length of `wanted`, and nothing is near to one or two letters. Of equally near
/// ones the first.
///
/// ```
/// let names = ["scan.startup.mode", "scan.bounded.mode"];
/// assert_eq!(millstream_suggest::nearest("scan.startup.modus", names), Some("scan.startup.mode"));
/// assert_eq!(millstream_suggest::nearest("partitions", names), None);
/// ```
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > LENGTH_MAX_BYTES {
        return None;
    }
    let lower = wanted.to_lowercase();
    let length = lower.chars().count();
    let distance_max = if length < 3 { 0 } else { length / 3 };
    names
        .into_iter()
        .filter(|name| name.len() <= LENGTH_MAX_BYTES)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
