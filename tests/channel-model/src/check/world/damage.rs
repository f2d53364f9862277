//! What becomes of the files while no engine has them open.

use std::path::Path;

use hearken_channel_log::disk::OpenError;
use hearken_channel_log::disk::device::Device as _;

use super::{Known, World};
use crate::disk::Damage;

/// Where the catalogue is.
const CATALOGUE: &str = "/channels/channels.redb";

/// What is told of a folder that belongs to nobody.
const OF_NO_CHANNEL: &str = "nothing in it says of which channel";

/// Bytes that survive together.
const SECTOR: u64 = 512;
/// Bytes that are read again alone where they cannot be read.
const PIECE: u64 = 4096;
/// Bytes that a batch has at least.
const LEAST_BATCH: u64 = 200;
/// Bytes of the group that proves the one before it.
const PROOF: u64 = 36;

impl World {
    /// Damages the journal or a segment.
    pub(in crate::check) fn damage_logs(&mut self) {
        let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "log");
        if self.random.chance(600) {
            if self.disk.flip(is_log).is_some() {
                self.damaged(1);
            }
            return;
        }
        let files = self.disk.files();
        let files: Vec<_> = files.iter().filter(|(path, _)| is_log(path)).collect();
        let index = usize::try_from(self.random.below(files.len() as u64)).unwrap_or(0);
        let Some((path, written)) = files.get(index) else {
            return;
        };
        let damage = if self.random.chance(500) {
            Damage::Zeros
        } else {
            Damage::Unreadable
        };
        // Not the proof that all before it was acknowledged.
        let end = written.saturating_sub(PROOF) / SECTOR;
        let at = self.random.below(end);
        let sectors = (1 + self.random.below(6)).min(end - at.min(end));
        if sectors > 0 {
            self.disk.spoil(path, at * SECTOR, sectors * SECTOR, damage);
            // What cannot be read is lost with what lies beside it.
            let bytes = (sectors * SECTOR).next_multiple_of(PIECE) + PIECE;
            self.damaged(2 + bytes / LEAST_BATCH);
        }
    }

    /// The events of so many groups may have been damaged.
    pub(in crate::check) fn damaged(&mut self, groups: u64) {
        self.outcome.flips += 1;
        self.damage += groups;
        for log in self.logs() {
            log.may_be_damaged();
        }
    }

    /// Damages the catalogue, or loses it; what an operator then does is done.
    pub(in crate::check) fn damage_catalogue(&mut self) {
        // The process that was to end amid its operations is gone.
        self.disk.go_on();
        let is_catalogue = |file: &Path| file == Path::new(CATALOGUE);
        if self.random.chance(700) {
            if self.disk.flip(is_catalogue).is_none() {
                return;
            }
            self.outcome.flips += 1;
            let opened = self.open();
            let opens = opened.is_ok();
            drop(opened);
            self.disk.kill();
            if opens {
                return;
            }
        }
        self.lose_catalogue();
    }

    /// Has the catalogue be moved away, unless it alone says of which channel damaged files
    /// are, as whoever tried it is told.
    pub(in crate::check) fn give_catalogue_up(&mut self) {
        self.disk.go_on();
        let trial = self.disk.copy();
        if trial.remove_file(Path::new(CATALOGUE)).is_err() {
            return;
        }
        let is_needed = |error: OpenError| error.to_string().contains(OF_NO_CHANNEL);
        if self.open_on(&trial).err().is_some_and(is_needed) {
            return;
        }
        self.lose_catalogue();
        // How many numbers were given in what is damaged it alone may have known.
        for log in self.logs().filter(|log| log.is_damaged()) {
            log.may_be_damaged();
        }
    }

    /// Has the catalogue be moved away.
    pub(in crate::check) fn lose_catalogue(&mut self) {
        let removed = self.disk.remove_file(Path::new(CATALOGUE));
        let removed = removed.and_then(|()| self.disk.sync_folder(Path::new("/channels")));
        if removed.is_ok() {
            self.is_being_made = true;
            self.outcome.lost_catalogues += 1;
            for known in self.channels.values_mut() {
                if let Known::There(log, cells) | Known::Unsure(Some((log, cells))) = known {
                    log.lose_settings();
                    cells.lose_all();
                }
            }
            // What was trimmed is there again, with what became of it.
            self.damage += std::mem::take(&mut self.trimmed_damage);
        }
    }
}
