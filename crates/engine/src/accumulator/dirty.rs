//! Which groups changed since the last epoch.

use super::GroupId;

/// A set of groups, each named once, in the order of their first change.
///
/// ```
/// let mut dirty = millstream_engine::accumulator::DirtySet::default();
/// dirty.mark(&[7, 3, 7]);
/// assert_eq!(dirty.take(), [7, 3]);
/// assert!(dirty.take().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct DirtySet {
    marked: Vec<bool>,
    groups: Vec<GroupId>,
}

impl DirtySet {
    /// Adds groups.
    pub fn mark(&mut self, groups: &[GroupId]) {
        for group in groups {
            let index = *group as usize;
            if index >= self.marked.len() {
                self.marked.resize(index + 1, false);
            }
            if !std::mem::replace(&mut self.marked[index], true) {
                self.groups.push(*group);
            }
        }
    }

    /// Empties the set and returns what it held.
    pub fn take(&mut self) -> Vec<GroupId> {
        for group in &self.groups {
            self.marked[*group as usize] = false;
        }
        std::mem::take(&mut self.groups)
    }
}
