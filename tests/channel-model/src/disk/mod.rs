//! A disk in memory.

mod device;
mod file;
mod state;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use self::file::Contents;
use self::state::State;

/// How often the disk does what it should not, in thousandths of its operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A read fails.
    pub read: u64,
    /// A write fails, perhaps with a part of it done.
    pub write: u64,
    /// A sync fails; what it was to make durable is lost, and the next one says nothing.
    pub sync: u64,
    /// There is no room for a write that makes a file longer.
    pub full: u64,
    /// There is no room for a write within what a file has already, perhaps with a part of
    /// it done: as on disks that copy what is written.
    pub full_inside: u64,
    /// A sync finds no room for what was written, as where room is only taken then; that is
    /// lost, and the next sync says nothing.
    pub sync_full: u64,
    /// A write does a part of what it was asked for.
    pub short: u64,
}

/// What may become of sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// They are zeros.
    Zeros,
    /// They cannot be read, until they are written.
    Unreadable,
}

/// A disk in memory. Its clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State::new(seed))))
    }

    /// Has it fail from now on as often as this.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Has it have room for so many bytes in all files.
    pub fn set_room(&self, bytes: u64) {
        self.state().room = bytes;
    }

    /// Has it have room for nothing more.
    pub fn fill(&self) {
        let mut state = self.state();
        state.room = state.used();
    }

    /// Has no file be longer than so many bytes from now on.
    pub fn set_longest(&self, bytes: u64) {
        self.state().longest = bytes;
    }

    /// Has everything fail after so many operations, as to a process that is not there
    /// any more.
    pub fn stop_after(&self, operations: u64) {
        self.state().stop_after = Some(operations);
    }

    /// Has what would have failed after so many operations go on.
    pub fn go_on(&self) {
        self.state().stop_after = None;
    }

    /// Whether everything fails.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().stop_after == Some(0)
    }

    /// The power fails: of what was not synced some survives. Whoever has files open finds
    /// them gone.
    pub fn crash(&self) {
        self.state().crash();
    }

    /// The process is killed: what was written stays, synced or not.
    pub fn kill(&self) {
        self.state().kill();
    }

    /// Changes a bit of a file that some data lies in, chosen at random, if there is any
    /// whose path `may` be changed; returns which file.
    pub fn flip(&self, may: impl Fn(&Path) -> bool) -> Option<String> {
        self.state().flip(may)
    }

    /// Another disk that has what this one has, to everybody's eyes and durably.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().copy())))
    }

    /// The files with something in them, and behind which byte of each there is nothing but
    /// zeros.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.state().written()
    }

    /// Changes a bit of a file.
    pub fn flip_at(&self, path: &Path, at: u64) {
        self.state().file_at(path, |file| file.flip_at(at, 0x10));
    }

    /// Changes a bit of a file as memory has it, and not as the disk has it.
    pub fn flip_in_memory(&self, path: &Path, at: u64) {
        self.state()
            .file_at(path, |file| file.flip_in_memory(at, 0x10));
    }

    /// Damages the sectors of a file that these bytes are in.
    pub fn spoil(&self, path: &Path, at: u64, bytes: u64, damage: Damage) {
        self.state()
            .file_at(path, |file| file.spoil(at, bytes, damage));
    }

    /// Has all of a file be readable again.
    pub fn mend(&self, path: &Path) {
        self.state().file_at(path, Contents::mend);
    }

    /// How often it has done what it should not.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.state().fired
    }

    /// Makes a file shorter.
    pub fn cut(&self, path: &Path, bytes: u64) {
        self.state().file_at(path, |file| {
            file.set_len(bytes);
            file.sync();
        });
    }

    /// Files that are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.state().open
    }

    /// Syncs that were done, also failed ones.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.lock();
        state.expect("nobody panics while holding the disk")
    }
}
