//! The groups of one task: one hash table over (key, pane).
//!
//! The bucket holds what a lookup compares – the key's word, the pane, the group's number – in 16 bytes for integer
//! keys and 24 for byte keys, so that a hit touches one cache line besides the control bytes. What is needed only to
//! insert, grow or close stands in columns indexed by group. Long keys lie in their pane's arena and go with it.

use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use super::block::{KeyBlock, Word};
use super::hash;
use crate::accumulator::GroupId;

/// The place of an open pane in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PaneSlot(u32);

#[derive(Debug, Clone, Copy)]
struct Bucket<W> {
    word: W,
    /// The pane's slot, shifted, and whether the key is a null integer.
    tag: u32,
    group: GroupId,
}

#[derive(Debug)]
struct Pane {
    start_ms: i64,
    salt: u64,
    groups: Vec<GroupId>,
    arena: Vec<u8>,
}

/// What became free when a pane was dropped.
#[derive(Debug)]
pub(crate) enum Freed {
    /// Every group: numbers start from 0 again.
    All,
    /// These.
    Groups(Vec<GroupId>),
}

/// Capacity that an empty table may keep beyond its need.
const SPARE_BUCKETS: usize = 1 << 16;

/// Finds the group of a key in a pane, and gives it a number.
#[derive(Debug)]
pub(crate) struct GroupTable<W> {
    index: HashTable<Bucket<W>>,
    /// Per group: the hash in the index, which is the key's xor the pane's salt.
    hashes: Vec<u64>,
    words: Vec<W>,
    tags: Vec<u32>,
    free: Vec<GroupId>,
    panes: Vec<Pane>,
    free_slots: Vec<u32>,
    slots: HashMap<i64, u32>,
}

impl<W: Word> GroupTable<W> {
    pub(crate) fn new() -> Self {
        Self {
            index: HashTable::new(),
            hashes: Vec::new(),
            words: Vec::new(),
            tags: Vec::new(),
            free: Vec::new(),
            panes: Vec::new(),
            free_slots: Vec::new(),
            slots: HashMap::new(),
        }
    }

    /// The number of groups.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// One more than the largest number of a group.
    pub(crate) fn group_bound(&self) -> usize {
        self.hashes.len()
    }

    /// The open panes: first millisecond and slot.
    pub(crate) fn panes(&self) -> impl Iterator<Item = (i64, PaneSlot)> {
        self.slots.iter().map(|(start_ms, slot)| (*start_ms, PaneSlot(*slot)))
    }

    /// The slot of a pane, which is opened if need be.
    pub(crate) fn slot(&mut self, start_ms: i64) -> PaneSlot {
        if let Some(slot) = self.slots.get(&start_ms) {
            return PaneSlot(*slot);
        }
        let pane = Pane { start_ms, salt: hash::pane_salt(start_ms), groups: Vec::new(), arena: Vec::new() };
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.panes[slot as usize] = pane;
                slot
            }
            None => {
                self.panes.push(pane);
                u32::try_from(self.panes.len() - 1).unwrap_or(u32::MAX >> 1)
            }
        };
        self.slots.insert(start_ms, slot);
        PaneSlot(slot)
    }

    /// Finds or makes the groups of rows in one pane.
    pub(crate) fn assign(
        &mut self,
        keys: &KeyBlock<W>,
        hashes: &[u64],
        slot: PaneSlot,
        groups: &mut Vec<GroupId>,
    ) {
        groups.extend((0..keys.words.len()).map(|row| self.group(keys, hashes, row, slot)));
    }

    /// Finds or makes the groups of rows, each in its own pane.
    pub(crate) fn assign_each(
        &mut self,
        keys: &KeyBlock<W>,
        hashes: &[u64],
        slots: &[PaneSlot],
        groups: &mut Vec<GroupId>,
    ) {
        groups.extend(slots.iter().enumerate().map(|(row, slot)| self.group(keys, hashes, row, *slot)));
    }

    #[inline]
    fn group(&mut self, keys: &KeyBlock<W>, hashes: &[u64], row: usize, slot: PaneSlot) -> GroupId {
        let word = keys.words[row];
        let is_null = keys.valid.as_ref().is_some_and(|valid| !valid.value(row));
        let tag = slot.0 << 1 | u32::from(is_null);
        let pane = &mut self.panes[slot.0 as usize];
        let hash = hashes[row] ^ pane.salt;
        let own_hashes = &self.hashes;
        let entry = self.index.entry(
            hash,
            |bucket| bucket.tag == tag && bucket.word.same(&pane.arena, word, &keys.arena),
            |bucket| own_hashes[bucket.group as usize],
        );
        let vacant = match entry {
            Entry::Occupied(entry) => return entry.get().group,
            Entry::Vacant(vacant) => vacant,
        };
        let word = word.moved(&keys.arena, &mut pane.arena);
        let group = match self.free.pop() {
            Some(group) => {
                let index = group as usize;
                (self.hashes[index], self.words[index], self.tags[index]) = (hash, word, tag);
                group
            }
            None => {
                let group = GroupId::try_from(self.hashes.len()).unwrap_or(GroupId::MAX);
                self.hashes.push(hash);
                self.words.push(word);
                self.tags.push(tag);
                group
            }
        };
        pane.groups.push(group);
        vacant.insert(Bucket { word, tag, group });
        group
    }

    /// The groups of a pane, in the order in which they came.
    pub(crate) fn groups(&self, slot: PaneSlot) -> &[GroupId] {
        &self.panes[slot.0 as usize].groups
    }

    /// The first millisecond of a pane.
    pub(crate) fn start_ms(&self, slot: PaneSlot) -> i64 {
        self.panes[slot.0 as usize].start_ms
    }

    /// The keys of groups and their hashes.
    pub(crate) fn keys(&self, groups: &[GroupId]) -> (KeyBlock<W>, Vec<u64>) {
        let (mut arena, mut hashes) = (Vec::new(), Vec::with_capacity(groups.len()));
        let mut valid = Vec::with_capacity(groups.len());
        let words = groups.iter().map(|group| {
            let index = *group as usize;
            let pane = &self.panes[(self.tags[index] >> 1) as usize];
            hashes.push(self.hashes[index] ^ pane.salt);
            valid.push(self.tags[index] & 1 == 0);
            self.words[index].moved(&pane.arena, &mut arena)
        });
        let words = words.collect();
        let valid = valid.contains(&false).then(|| valid.into());
        (KeyBlock { words, valid, arena }, hashes)
    }

    /// Takes a pane from those that rows can find; its groups stay until it is dropped.
    pub(crate) fn retire(&mut self, slot: PaneSlot) {
        let start_ms = self.start_ms(slot);
        self.slots.remove(&start_ms);
    }

    /// Drops a retired pane and its groups.
    pub(crate) fn drop_pane(&mut self, slot: PaneSlot) -> Freed {
        let pane = &mut self.panes[slot.0 as usize];
        let groups = std::mem::take(&mut pane.groups);
        pane.arena = Vec::new();
        if groups.len() == self.index.len() && self.slots.is_empty() {
            self.clear();
            return Freed::All;
        }
        for group in &groups {
            let entry = self.index.find_entry(self.hashes[*group as usize], |bucket| bucket.group == *group);
            if let Ok(entry) = entry {
                entry.remove();
            }
        }
        self.free.extend_from_slice(&groups);
        self.free_slots.push(slot.0);
        Freed::Groups(groups)
    }

    /// Drops everything. A table that had grown far beyond what it held gives memory back.
    pub(crate) fn clear(&mut self) {
        let held = self.index.len();
        self.index.clear();
        if self.index.capacity() > SPARE_BUCKETS.max(8 * held) {
            self.index = HashTable::with_capacity(held);
            (self.hashes, self.words, self.tags) = (Vec::new(), Vec::new(), Vec::new());
        }
        self.hashes.clear();
        self.words.clear();
        self.tags.clear();
        self.free.clear();
        self.panes.clear();
        self.free_slots.clear();
        self.slots.clear();
    }
}
