//! Making a delta.
//!
//! Blocks of what was before are found again by their hashes at any place of what is now, by
//! a hash that rolls from byte to byte, and matches grow from there in both directions.

use super::checksum::checksum;
use super::integer;

/// Bytes that have to match for a part to be found.
const BLOCK: usize = 16;

/// Most blocks of the same hash that are looked at for one place. It bounds the time that
/// data takes that repeats itself, and such data is found by any of its blocks.
const CANDIDATES: usize = 32;

/// Largest data that blocks are looked for in, since numbers have 32 bits.
const SEARCHED: usize = u32::MAX as usize;

/// What makes `after` out of `before`. It may be longer than `after`, which is better sent
/// as it is then.
///
/// With `text` both have to be UTF-8, and so is the delta: it is cut between characters
/// only.
///
/// Both may have at most 4 GiB, the most that the format can tell.
#[must_use]
pub fn create(before: &[u8], after: &[u8], text: bool) -> Vec<u8> {
    let mut delta = Delta {
        after,
        told: 0,
        out: Vec::with_capacity(after.len() / 4 + 32),
    };
    integer::push(after.len(), &mut delta.out);
    delta.out.push(b'\n');
    let before = &before[..before.len().min(SEARCHED)];
    // Looking for characters in what has none would take long.
    let is_whole = !text || std::str::from_utf8(after).is_ok();
    if is_whole && before.len() >= BLOCK && after.len() >= BLOCK {
        copy_what_is_found(before, &mut delta, text);
    }
    delta.insert_until(after.len());
    integer::push(checksum(after) as usize, &mut delta.out);
    delta.out.push(b';');
    delta.out
}

/// A delta that is being made.
struct Delta<'a> {
    after: &'a [u8],
    /// How much of `after` it makes so far.
    told: usize,
    out: Vec<u8>,
}

/// Bytes that are the same before and after.
#[derive(Clone, Copy)]
struct Match {
    before: usize,
    after: usize,
    length: usize,
}

impl Delta<'_> {
    fn insert_until(&mut self, end: usize) {
        let new = &self.after[self.told..end];
        if !new.is_empty() {
            integer::push(new.len(), &mut self.out);
            self.out.push(b':');
            self.out.extend_from_slice(new);
        }
        self.told = end;
    }

    fn copy(&mut self, found: Match) {
        self.insert_until(found.after);
        integer::push(found.length, &mut self.out);
        self.out.push(b'@');
        integer::push(found.before, &mut self.out);
        self.out.push(b',');
        self.told = found.after + found.length;
    }
}

fn copy_what_is_found(before: &[u8], delta: &mut Delta<'_>, text: bool) {
    let after = delta.after;
    let blocks = Blocks::new(before);
    let mut at = 0;
    let mut hash = Hash::new(&after[..BLOCK]);
    while at + BLOCK <= after.len() {
        let found = blocks
            .of(hash)
            .filter(|&block| before[block..block + BLOCK] == after[at..at + BLOCK])
            .map(|block| grow(before, block, after, at, delta.told))
            .map(|found| {
                if text {
                    within_characters(after, found)
                } else {
                    found
                }
            })
            .filter(|found| found.length > cost(found, delta.told))
            .max_by_key(|found| found.length);
        match found {
            Some(found) => {
                delta.copy(found);
                at = delta.told;
                if let Some(block) = after.get(at..at + BLOCK) {
                    hash = Hash::new(block);
                }
            }
            None => {
                if let Some(&next) = after.get(at + BLOCK) {
                    hash.roll(after[at], next);
                }
                at += 1;
            }
        }
    }
}

/// The longest match through a block, which does not reach into what is told already.
fn grow(before: &[u8], block: usize, after: &[u8], at: usize, told: usize) -> Match {
    let backward = before[..block]
        .iter()
        .rev()
        .zip(after[told..at].iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let forward = common(&before[block + BLOCK..], &after[at + BLOCK..]);
    Match {
        before: block - backward,
        after: at - backward,
        length: backward + BLOCK + forward,
    }
}

/// How many bytes are the same at the beginning of both.
fn common(one: &[u8], other: &[u8]) -> usize {
    let length = one.len().min(other.len());
    let (one, other) = (&one[..length], &other[..length]);
    let (ones, _) = one.as_chunks::<8>();
    let (others, _) = other.as_chunks::<8>();
    let same = ones
        .iter()
        .zip(others)
        .take_while(|(one, other)| one == other);
    let same = same.count() * 8;
    let rest = one[same..].iter().zip(&other[same..]);
    same + rest.take_while(|(one, other)| one == other).count()
}

/// The part of a match that consists of whole characters.
fn within_characters(after: &[u8], found: Match) -> Match {
    let is_boundary = |at: usize| after.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let (mut start, mut end) = (found.after, found.after + found.length);
    while start < end && !is_boundary(start) {
        start += 1;
    }
    while start < end && !is_boundary(end) {
        end -= 1;
    }
    Match {
        before: found.before + (start - found.after),
        after: start,
        length: end - start,
    }
}

/// Bytes that it takes to tell a match, and to tell apart what is new before it.
fn cost(found: &Match, told: usize) -> usize {
    let new = found.after - told;
    let numbers = [new, found.length, found.before];
    numbers.into_iter().map(integer::digits).sum::<usize>() + 3
}

/// Where the blocks of some data are, by their hashes.
struct Blocks {
    /// By hash: 1 more than the last block that has it; 0 is none.
    last: Vec<u32>,
    /// By block: 1 more than the one before that has the same hash; 0 is none.
    previous: Vec<u32>,
}

impl Blocks {
    fn new(data: &[u8]) -> Self {
        let (blocks, _) = data.as_chunks::<BLOCK>();
        let mut last = vec![0; blocks.len().next_power_of_two()];
        let mut previous = Vec::with_capacity(blocks.len());
        for (index, block) in (1..).zip(blocks) {
            let slot = Hash::new(block).slot(last.len());
            previous.push(last[slot]);
            last[slot] = index;
        }
        Self { last, previous }
    }

    /// Where blocks begin that may have this hash.
    fn of(&self, hash: Hash) -> impl Iterator<Item = usize> {
        let mut index = self.last[hash.slot(self.last.len())];
        std::iter::from_fn(move || {
            let block = (index as usize).checked_sub(1)?;
            index = self.previous[block];
            Some(block * BLOCK)
        })
        .take(CANDIDATES)
    }
}

/// A hash of [`BLOCK`] bytes: their sum, and the sum of all sums on the way.
#[derive(Clone, Copy)]
struct Hash {
    sum: u16,
    sums: u16,
}

impl Hash {
    fn new(block: &[u8]) -> Self {
        let (mut sum, mut sums) = (0_u16, 0_u16);
        for &byte in block {
            sum = sum.wrapping_add(byte.into());
            sums = sums.wrapping_add(sum);
        }
        Self { sum, sums }
    }

    /// The hash one byte further on.
    fn roll(&mut self, gone: u8, next: u8) {
        let gone = u16::from(gone);
        self.sum = self.sum.wrapping_sub(gone).wrapping_add(next.into());
        self.sums = self
            .sums
            .wrapping_sub(gone.wrapping_mul(BLOCK as u16))
            .wrapping_add(self.sum);
    }

    /// One of as many slots as a power of two.
    fn slot(self, slots: usize) -> usize {
        let hash = u32::from(self.sum) << 16 | u32::from(self.sums);
        // Bits of both sums get into those that count.
        let mixed = hash.wrapping_mul(0x9E37_79B1);
        (mixed >> 7 ^ mixed) as usize & (slots - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_rolls_to_that_of_the_next_bytes() {
        let data: Vec<u8> = (0..200_u8).map(|byte| byte.wrapping_mul(37)).collect();
        let mut hash = Hash::new(&data[..BLOCK]);
        for at in 0..data.len() - BLOCK {
            hash.roll(data[at], data[at + BLOCK]);
            let fresh = Hash::new(&data[at + 1..][..BLOCK]);
            assert_eq!((hash.sum, hash.sums), (fresh.sum, fresh.sums), "{at}");
        }
    }

    #[test]
    fn common_beginnings_are_counted_to_the_byte() {
        let one: Vec<u8> = (0..30).collect();
        for same in 0..30 {
            let mut other = one.clone();
            other[same] = 99;
            assert_eq!(common(&one, &other), same);
        }
        assert_eq!(common(&one, &one), 30);
        assert_eq!(common(&one, &one[..11]), 11);
    }
}
