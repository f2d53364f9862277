//! The journal: what is appended, in the order in which it was, made durable group by
//! group. A file of it is written once, from the beginning to the end, and never again.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::core::disk_fault;
use super::device::{Device, DeviceFile, Open, is_full, write_fully};
use super::filing::{Filing, Sealed, Waiting};
use super::format::{GroupWriter, JOURNAL_HEAD, JournalHead};
use super::paths;
use crate::StorageFault;

/// Bytes of the first file after a start: a node that hardly uses channels takes little
/// room for them.
const FIRST_FILE: u64 = 8 << 20;
/// Bytes of the others, where the disk has room for them.
const LONGEST_FILE: u64 = 64 << 20;
/// Bytes of the shortest, on a disk that is nearly full, unless one group alone has more.
const SHORTEST_FILE: u64 = 1 << 20;
/// How much longer than the one before a file is, until there is room for the longest.
const GROWTH: u64 = 8;

/// A group of more bytes takes so long that writing ahead of it gains nothing.
const SMALL_GROUP: u64 = 128 << 10;
/// What is written ahead.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Writes the journal.
#[derive(Debug)]
pub(super) struct JournalWriter {
    device: Arc<dyn Device>,
    folder: PathBuf,
    store: u64,
    /// The next file and the next group.
    next_file: u64,
    next_group: u64,
    next_bytes: u64,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: Arc<dyn DeviceFile>,
    path: PathBuf,
    number: u64,
    at: u64,
    bytes: u64,
    /// Up to where zeros were written.
    ahead: u64,
    channels: HashSet<u64>,
}

/// Why a group was not made durable.
#[derive(Debug)]
pub(super) enum JournalError {
    /// The disk is full; the group is not stored, and never will be.
    Full,
    /// No file could be made, since too many are open; the group is not stored, and never
    /// will be.
    Busy,
    /// The group is not stored, and never will be.
    NotStored(StorageFault),
    /// The group may be found stored after the next start.
    Unknown(StorageFault),
}

impl JournalWriter {
    /// Writes on with these numbers of a file and a group.
    pub(super) fn new(
        device: &Arc<dyn Device>,
        folder: PathBuf,
        store: u64,
        (next_file, next_group): (u64, u64),
    ) -> Self {
        Self {
            device: Arc::clone(device),
            folder,
            store,
            next_file,
            next_group,
            next_bytes: FIRST_FILE,
            current: None,
        }
    }

    /// Makes a group durable and returns its number. After an error that has a fault it
    /// must not be called again.
    pub(super) fn write(
        &mut self,
        group: &mut GroupWriter,
        channels: impl Iterator<Item = u64>,
        filing: &Filing,
    ) -> Result<u64, JournalError> {
        let number = self.next_group;
        let bytes = group.finish(self.store, number);
        let length = bytes.len() as u64;
        let has_room = |file: &Current| file.at.saturating_add(length) <= file.bytes;
        if !self.current.as_ref().is_some_and(has_room) {
            self.seal(filing);
            let file = self.make_file(length, filing.unfiled())?;
            self.current = Some(file);
        }
        let current = self
            .current
            .as_mut()
            .expect("it was made if there was none");
        let written = current.write_ahead(length, self.device.writes_ahead());
        let written = written.and_then(|()| write_fully(current.file.as_ref(), current.at, bytes));
        if let Err(error) = written {
            if is_full(&error) {
                // The bytes that were written are no whole group, since its end is
                // missing; the group's number is another's, in another file.
                self.seal(filing);
                return Err(JournalError::Full);
            }
            return Err(JournalError::Unknown(disk_fault(&current.path, &error)));
        }
        if let Err(error) = current.file.sync() {
            return Err(JournalError::Unknown(disk_fault(&current.path, &error)));
        }
        current.at += length;
        current.channels.extend(channels);
        self.next_group += 1;
        Ok(number)
    }

    /// The group that was made durable last.
    pub(super) fn last_group(&self) -> u64 {
        self.next_group - 1
    }

    /// Ends the current file.
    pub(super) fn seal(&mut self, filing: &Filing) {
        if let Some(current) = self.current.take() {
            filing.seal(Sealed {
                number: current.number,
                last_group: self.next_group - 1,
                channels: current.channels.into_iter().collect(),
                pinned: false,
            });
        }
    }

    /// Makes a file with room for a group of so many bytes: as long as the disk has room
    /// for it, and for its batches and the `unfiled` ones in segments. Else what is in the
    /// journal could never leave it.
    fn make_file(&mut self, group: u64, unfiled: u64) -> Result<Current, JournalError> {
        let least = group.saturating_add(JOURNAL_HEAD as u64);
        let room = self.device.room(&self.folder).saturating_sub(unfiled);
        loop {
            let bytes = self.next_bytes.max(least);
            let made = if bytes.saturating_mul(2) <= room {
                self.make_file_of(bytes)
            } else {
                Err(JournalError::Full)
            };
            match made {
                Err(JournalError::Full) if self.next_bytes > SHORTEST_FILE && bytes > least => {
                    self.next_bytes = (self.next_bytes / 2).max(SHORTEST_FILE);
                }
                Ok(current) => {
                    let longer = self.next_bytes.saturating_mul(GROWTH);
                    self.next_bytes = longer.min(LONGEST_FILE);
                    return Ok(current);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn make_file_of(&mut self, bytes: u64) -> Result<Current, JournalError> {
        let number = self.next_file;
        let path = paths::numbered(&self.folder, number);
        let file = match self.make(&path, number, bytes) {
            Ok(file) => file,
            Err(error) => return Err(self.not_made(&path, &error)),
        };
        self.next_file += 1;
        Ok(Current {
            file,
            path,
            number,
            at: JOURNAL_HEAD as u64,
            bytes,
            ahead: 0,
            channels: HashSet::new(),
        })
    }

    fn not_made(&mut self, path: &Path, error: &io::Error) -> JournalError {
        let Some(waiting) = Waiting::of(error) else {
            return JournalError::NotStored(disk_fault(path, error));
        };
        // It takes room that others need. What cannot be removed is passed over at the next
        // start, having no group, and its number is not used again.
        let removed = self.device.remove_file(path);
        if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            self.next_file += 1;
        }
        match waiting {
            Waiting::Full => JournalError::Full,
            Waiting::Files => JournalError::Busy,
        }
    }

    fn make(&self, path: &Path, number: u64, bytes: u64) -> io::Result<Arc<dyn DeviceFile>> {
        let file = self.device.open(path, Open::New)?;
        file.allocate(bytes)?;
        // A head says how long its file is: that has to be so before the head is there.
        file.sync()?;
        let head = JournalHead {
            store: self.store,
            number,
            bytes,
        };
        write_fully(file.as_ref(), 0, &head.write())?;
        file.sync()?;
        self.device.sync_folder(&self.folder)?;
        Ok(file)
    }
}

impl Current {
    /// Writes zeros where the next group will be, and so many bytes behind it, unless there
    /// are some already or the group is large. They are synced with it.
    fn write_ahead(&mut self, group: u64, bytes: u64) -> io::Result<()> {
        let end = self.at.saturating_add(group);
        if bytes == 0 || end <= self.ahead || group > SMALL_GROUP {
            return Ok(());
        }
        // Below `at` there are groups.
        let mut at = self.at.max(self.ahead);
        let until = end.saturating_add(bytes).min(self.bytes);
        while at < until {
            let piece = usize::try_from(until - at).unwrap_or(usize::MAX);
            let piece = &ZEROS[..piece.min(ZEROS.len())];
            write_fully(self.file.as_ref(), at, piece)?;
            at += piece.len() as u64;
        }
        self.ahead = until;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::device::{FileSystem, read_fully};

    #[test]
    fn zeros_are_written_ahead_of_small_groups_and_over_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.log");
        let file = FileSystem.open(&path, Open::New).expect("a new file");
        let mut current = Current {
            file,
            path,
            number: 1,
            at: 0,
            bytes: 141_000,
            ahead: 0,
            channels: HashSet::new(),
        };
        let mut expected = Vec::new();
        for (group, ahead) in [
            (300, 4396),
            (4000, 4396),
            (500, 8896),
            // A large one, which goes beyond what lies ahead.
            (SMALL_GROUP + 1, 8896),
            (200, 140_169),
            // As far as the file goes.
            (4500, 141_000),
        ] {
            current.write_ahead(group, 4096).expect("there is room");
            assert_eq!(current.ahead, ahead, "ahead of {group} bytes");
            let written = vec![b'g'; usize::try_from(group).expect("it is small")];
            write_fully(current.file.as_ref(), current.at, &written).expect("there is room");
            current.at += group;
            expected.extend(written);
        }
        expected.resize(141_000, 0);
        let mut found = vec![1; 141_001];
        let read = read_fully(current.file.as_ref(), 0, &mut found).expect("it is there");
        assert_eq!(read, 141_000);
        assert!(found[..read] == expected, "groups, and zeros behind them");
    }
}
