//! What a file has, in memory and on the disk.

use std::collections::{BTreeMap, BTreeSet};

use super::Damage;
use crate::Random;

/// Bytes that survive a crash together.
pub(super) const SECTOR: u64 = 512;

type Sectors = BTreeMap<u64, [u8; SECTOR as usize]>;

/// A file. What lies in no sector is zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// What readers see.
    sectors: Sectors,
    pub(super) bytes: u64,
    /// What the disk has.
    durable: Sectors,
    durable_bytes: u64,
    /// Sectors that were written since the last sync.
    dirty: BTreeSet<u64>,
    /// Sectors that cannot be read before they are written again.
    unreadable: BTreeSet<u64>,
    /// How long it was since the last sync.
    lengths: Vec<Length>,
}

/// A length that a file has had.
#[derive(Clone, Copy, Debug)]
struct Length {
    /// Those that a crash may leave of it: a write may make a file longer by a part of
    /// what it writes, while any other change of the length is made as a whole.
    least: u64,
    bytes: u64,
}

impl Contents {
    /// Whether so many bytes there can be read.
    pub(super) fn is_readable(&self, at: u64, bytes: usize) -> bool {
        let end = self.bytes.min(at.saturating_add(bytes as u64));
        let sectors = at / SECTOR..end.div_ceil(SECTOR).max(at / SECTOR);
        self.unreadable.range(sectors).next().is_none()
    }

    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> usize {
        let end = self.bytes.min(at.saturating_add(out.len() as u64));
        let Some(bytes) = end
            .checked_sub(at)
            .and_then(|bytes| usize::try_from(bytes).ok())
        else {
            return 0;
        };
        let out = &mut out[..bytes];
        out.fill(0);
        for (sector, data) in self.sectors.range(at / SECTOR..end.div_ceil(SECTOR)) {
            let start = sector * SECTOR;
            let (from, to) = (start.max(at), (start + SECTOR).min(end));
            let source = &data[index(from - start)..index(to - start)];
            out[index(from - at)..index(to - at)].copy_from_slice(source);
        }
        bytes
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let end = at + bytes.len() as u64;
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            let start = sector * SECTOR;
            let (from, to) = (start.max(at), (start + SECTOR).min(end));
            let data = self.sectors.entry(sector).or_insert([0; SECTOR as usize]);
            let source = &bytes[index(from - at)..index(to - at)];
            data[index(from - start)..index(to - start)].copy_from_slice(source);
            self.dirty.insert(sector);
            self.unreadable.remove(&sector);
        }
        if end > self.bytes {
            self.lengths.push(Length {
                least: self.bytes,
                bytes: end,
            });
            self.bytes = end;
        }
    }

    pub(super) fn set_len(&mut self, bytes: u64) {
        if bytes < self.bytes {
            self.sectors.split_off(&bytes.div_ceil(SECTOR));
            let (last, kept) = (bytes / SECTOR, index(bytes % SECTOR));
            if let Some(data) = self.sectors.get_mut(&last) {
                data[kept..].fill(0);
                self.dirty.insert(last);
            }
            self.dirty.split_off(&bytes.div_ceil(SECTOR));
            self.unreadable.split_off(&bytes.div_ceil(SECTOR));
        }
        self.lengths.push(Length {
            least: bytes,
            bytes,
        });
        self.bytes = bytes;
    }

    /// Makes it longer by zeros, piece by piece: a crash may leave it of any length.
    pub(super) fn extend(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.lengths.push(Length {
                least: self.bytes,
                bytes,
            });
            self.bytes = bytes;
        }
    }

    /// Makes durable what was written.
    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            if let Some(data) = self.sectors.get(&sector) {
                self.durable.insert(sector, *data);
            }
        }
        self.durable.split_off(&self.bytes.div_ceil(SECTOR));
        self.durable_bytes = self.bytes;
        self.lengths.clear();
    }

    /// Takes what was written for durable, though it is not.
    pub(super) fn lie(&mut self) {
        self.dirty.clear();
        self.lengths.clear();
    }

    /// Forgets what memory holds of it and takes for written, so that readers see what the
    /// disk has.
    pub(super) fn forget(&mut self) {
        let dirty = self.dirty.iter();
        let dirty = dirty.filter_map(|sector| Some((*sector, *self.sectors.get(sector)?)));
        let dirty: Vec<_> = dirty.collect();
        self.sectors.clone_from(&self.durable);
        self.sectors.split_off(&self.bytes.div_ceil(SECTOR));
        if let Some(data) = self.sectors.get_mut(&(self.bytes / SECTOR)) {
            data[index(self.bytes % SECTOR)..].fill(0);
        }
        self.sectors.extend(dirty);
    }

    /// What is left after the power failed.
    pub(super) fn crash(&mut self, random: &mut Random) {
        // Sometimes all, or none, of it.
        let often = [0, 300, 500, 800, 1000][index(random.below(5))];
        for sector in std::mem::take(&mut self.dirty) {
            if let Some(data) = self.sectors.get(&sector)
                && random.chance(often)
            {
                self.durable.insert(sector, *data);
            }
        }
        let lengths = std::mem::take(&mut self.lengths);
        let length = index(random.below(lengths.len() as u64 + 1));
        if let Some(Length { least, bytes }) = lengths.get(length) {
            self.durable_bytes = match random.below(2) {
                0 => *bytes,
                _ => least + random.below(bytes - least + 1),
            };
        }
        let bytes = self.durable_bytes;
        self.durable.split_off(&bytes.div_ceil(SECTOR));
        if let Some(data) = self.durable.get_mut(&(bytes / SECTOR)) {
            data[index(bytes % SECTOR)..].fill(0);
        }
        self.bytes = bytes;
        self.sectors.clone_from(&self.durable);
    }

    /// Changes a bit of what some data lies in.
    pub(super) fn flip(&mut self, random: &mut Random) -> Option<u64> {
        let sectors: Vec<u64> = self.sectors.keys().copied().collect();
        let sector = *sectors.get(index(random.below(sectors.len() as u64)))?;
        let at = sector * SECTOR + random.below(SECTOR);
        let bit = 1 << random.below(8);
        if at >= self.bytes {
            return None;
        }
        self.flip_at(at, bit);
        Some(at)
    }

    /// Changes bits of a byte, if some data lies there.
    pub(super) fn flip_at(&mut self, at: u64, bits: u8) {
        for sectors in [&mut self.sectors, &mut self.durable] {
            if let Some(data) = sectors.get_mut(&(at / SECTOR)) {
                data[index(at % SECTOR)] ^= bits;
            }
        }
    }

    /// Changes bits of a byte as memory has it, while the disk has what was written.
    pub(super) fn flip_in_memory(&mut self, at: u64, bits: u8) {
        if let Some(data) = self.sectors.get_mut(&(at / SECTOR)) {
            data[index(at % SECTOR)] ^= bits;
        }
    }

    /// Has the sectors of these bytes be zeros, or unreadable.
    pub(super) fn spoil(&mut self, at: u64, bytes: u64, damage: Damage) {
        let end = self.bytes.min(at.saturating_add(bytes));
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            match damage {
                Damage::Zeros => {
                    self.sectors.remove(&sector);
                    self.durable.remove(&sector);
                }
                Damage::Unreadable => drop(self.unreadable.insert(sector)),
            }
        }
    }

    /// Has all of it be readable again.
    pub(super) fn mend(&mut self) {
        self.unreadable.clear();
    }

    /// Behind which byte there is nothing but zeros.
    pub(super) fn written(&self) -> u64 {
        let sectors = self.sectors.iter().rev();
        let last = sectors.filter_map(|(sector, data)| {
            let last = data.iter().rposition(|byte| *byte != 0)?;
            Some(sector * SECTOR + last as u64 + 1)
        });
        last.max().unwrap_or(0)
    }
}

pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).expect("simulated files fit the memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(file: &Contents) -> Vec<u8> {
        let mut out = vec![1; index(file.bytes) + 10];
        let read = file.read(0, &mut out);
        out.truncate(read);
        out
    }

    #[test]
    fn what_is_written_is_read_across_sectors() {
        let mut file = Contents::default();
        let mut plain = vec![0; 3000];
        file.set_len(3000);
        for (at, length) in [(0, 10), (500, 30), (1000, 1500), (2999, 1), (511, 2)] {
            let bytes: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8 + 1).collect();
            file.write(at as u64, &bytes);
            plain[at..at + length].copy_from_slice(&bytes);
            assert_eq!(all(&file), plain);
        }
        file.set_len(1200);
        plain.truncate(1200);
        file.set_len(2000);
        plain.resize(2000, 0);
        assert_eq!(all(&file), plain);
        let mut part = [0; 700];
        assert_eq!(file.read(1500, &mut part), 500);
        assert_eq!(part[..500], plain[1500..]);
        assert_eq!(file.read(2000, &mut part), 0);
    }

    #[test]
    fn what_is_synced_survives_and_nothing_else_for_sure() {
        let (mut kept, mut lost) = (false, false);
        for seed in 0..50 {
            let mut file = Contents::default();
            file.write(0, &[1; 1024]);
            file.sync();
            file.write(512, &[2; 512]);
            file.crash(&mut Random::new(seed));
            let read = all(&file);
            assert_eq!(read[..512], [1; 512]);
            kept |= read[512..] == [2; 512];
            lost |= read[512..] == [1; 512];
        }
        assert!(kept && lost);
    }

    #[test]
    fn a_sync_that_lies_is_found_out_by_a_crash() {
        let mut file = Contents::default();
        file.write(0, &[1; 512]);
        file.sync();
        file.write(0, &[2; 512]);
        file.lie();
        file.sync();
        assert_eq!(all(&file), [2; 512]);
        let mut crashed = file.clone();
        crashed.crash(&mut Random::new(1));
        assert_eq!(all(&crashed), [1; 512]);
        file.write(600, &[3; 10]);
        file.forget();
        let read = all(&file);
        assert_eq!(read[..512], [1; 512]);
        assert_eq!(read[600..], [3; 10]);
    }
}
