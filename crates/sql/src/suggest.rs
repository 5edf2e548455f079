//! The nearest of a list of names, for "did you mean".

/// The name with the smallest edit distance to `wanted`, letters compared without case, if it is near enough to be
/// meant: a third of the length.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names than this are not misspelt but hostile.
    const LENGTH_MAX: usize = 128;
    if wanted.len() > LENGTH_MAX {
        return None;
    }
    let lower = wanted.to_lowercase();
    let length = lower.chars().count();
    let limit = if length < 3 { 0 } else { length / 3 };
    names
        .into_iter()
        .filter(|name| name.len() <= LENGTH_MAX)
        .map(|name| (distance(&lower, &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one into the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let cost = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}
