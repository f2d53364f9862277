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
        if let Err(error) = write_fully(current.file.as_ref(), current.at, bytes) {
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
