//! The journal: what is appended, in the order in which it was, made durable group by
//! group. A file of it is written once, from the beginning to the end, and never again.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::core::disk_fault;
use super::device::{Device, DeviceFile, Open, is_full, write_fully};
use super::filing::{Filing, Sealed};
use super::format::{GroupWriter, JOURNAL_HEAD, JournalHead};
use super::paths;
use crate::StorageFault;

/// Bytes of the first file after a start: a node that hardly uses channels takes little
/// room for them.
const FIRST_FILE: u64 = 8 << 20;
/// Bytes of the others.
const LONGEST_FILE: u64 = 64 << 20;

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

    /// Makes a group durable and returns its number. After any error but that of a full
    /// disk it must not be called again.
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
            let file = self.make_file(length)?;
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

    /// Makes a file with room for a group of so many bytes.
    fn make_file(&mut self, group: u64) -> Result<Current, JournalError> {
        let number = self.next_file;
        let path = paths::numbered(&self.folder, number);
        let bytes = self.next_bytes.max(group + JOURNAL_HEAD as u64);
        let made = self.make(&path, number, bytes);
        let file = made.map_err(|error| {
            if is_full(&error) {
                // It takes room that others need. What cannot be removed is passed over at
                // the next start, having no group.
                let _ = self.device.remove_file(&path);
                return JournalError::Full;
            }
            JournalError::NotStored(disk_fault(&path, &error))
        });
        self.next_file += 1;
        let file = file?;
        self.next_bytes = LONGEST_FILE;
        Ok(Current {
            file,
            path,
            number,
            at: JOURNAL_HEAD as u64,
            bytes,
            channels: HashSet::new(),
        })
    }

    fn make(&self, path: &Path, number: u64, bytes: u64) -> io::Result<Arc<dyn DeviceFile>> {
        let file = self.device.open(path, Open::New)?;
        file.allocate(bytes)?;
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
