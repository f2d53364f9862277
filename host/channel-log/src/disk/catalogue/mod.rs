//! The embedded database beside the logs: everything that is a map. Without it no event is
//! lost; settings, cells, and what was trimmed are.

mod backend;
mod cells;
mod checked;
mod keys;
mod rows;
mod tables;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase as _, WriteTransaction,
};

use self::backend::Backend;
use super::device::{Device, Open, is_full};
use super::paths;
use crate::StorageFault;

pub(super) use cells::change as change_cells;
pub(super) use keys::{forget_keys, keep_keys};
pub(super) use rows::{
    Loaded, Loss, Progress, Row, add, forget, set_first, set_given, set_losses, set_pinned,
    set_progress, set_released, set_removing, set_settings, set_store,
};

/// What the database keeps in memory, at most.
const CACHE_BYTES: usize = 16 << 20;

/// The database.
#[derive(Debug)]
pub(super) struct Catalogue {
    device: Arc<dyn Device>,
    path: PathBuf,
    state: RwLock<State>,
}

#[derive(Debug)]
enum State {
    Open(Database),
    /// The disk was full; the database has to be opened again before it is used.
    Full,
    /// It failed, and is not used again.
    Failed(StorageFault),
}

/// Why the database did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CatalogueFault {
    pub(super) fault: StorageFault,
    /// The disk is full: it may work again later.
    pub(super) full: bool,
}

impl Catalogue {
    /// Opens the database, or makes it.
    pub(super) fn open(device: &Arc<dyn Device>, folder: &Path) -> Result<Self, CatalogueFault> {
        let path = folder.join("channels.redb");
        let database = match open(device, &path) {
            Err(error) if is_no_database(&error) && has_nothing(device, folder) => {
                // A crash amid the first start left a part of it.
                let removed = device.remove_file(&path);
                removed.map_err(|error| fault(&path, &error.into()))?;
                open(device, &path)
            }
            opened => opened,
        };
        let database = database.map_err(|error| fault(&path, &error))?;
        // So that the file is found again.
        let synced = device.sync_folder(folder);
        synced.map_err(|error| fault(folder, &error.into()))?;
        let catalogue = Self {
            device: Arc::clone(device),
            path,
            state: RwLock::new(State::Open(database)),
        };
        match catalogue.write(true, tables::create) {
            // A full disk is no hindrance where they are there.
            Err(fault) if fault.full && catalogue.read(tables::are_there)? => {}
            created => created?,
        }
        Ok(catalogue)
    }

    /// Closes the database, so that another may open it.
    pub(super) fn close(&self) {
        let state = self.state.write();
        let mut state = state.expect("nobody panics while using the catalogue");
        *state = State::Failed(StorageFault::closed());
    }

    /// Changes it: wholly or, if `change` or the disk fails, not at all. What is not
    /// `durable` is so with the next change that is.
    pub(super) fn write<T>(
        &self,
        durable: bool,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, CatalogueFault> {
        self.with(true, |database| {
            let mut transaction = database.begin_write()?;
            if durable {
                // Else a page of the last change that is not what was written would have it
                // taken for one that a crash cut short, and undone.
                transaction.set_two_phase_commit(true);
            } else {
                transaction.set_durability(Durability::None)?;
            }
            let changed = change(&transaction)?;
            transaction.commit()?;
            Ok(changed)
        })
    }

    /// Reads it as it is now.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, CatalogueFault> {
        self.with(false, |database| read(&database.begin_read()?))
    }

    /// A row or page that has changed is of no harm to others when it is only read.
    fn with<T>(
        &self,
        writes: bool,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, CatalogueFault> {
        self.reopen_if_full()?;
        let unpoisoned = "nobody panics while using the catalogue";
        let result = match &*self.state.read().expect(unpoisoned) {
            State::Open(database) => guarded(|| act(database)),
            State::Full => {
                let error = io::Error::from(io::ErrorKind::StorageFull);
                return Err(fault(&self.path, &error.into()));
            }
            State::Failed(fault) => {
                return Err(CatalogueFault {
                    fault: fault.clone(),
                    full: false,
                });
            }
        };
        result.map_err(|error| {
            let fault = fault(&self.path, &error);
            if !writes && matches!(error, redb::Error::Corrupted(_)) {
                return fault;
            }
            let mut state = self.state.write().expect(unpoisoned);
            *state = if fault.full {
                State::Full
            } else {
                State::Failed(fault.fault.clone())
            };
            fault
        })
    }

    /// After an error the database is of no use before it is opened again; after any but
    /// a full disk that is left to the next start.
    fn reopen_if_full(&self) -> Result<(), CatalogueFault> {
        let unpoisoned = "nobody panics while using the catalogue";
        if !matches!(*self.state.read().expect(unpoisoned), State::Full) {
            return Ok(());
        }
        let mut state = self.state.write().expect(unpoisoned);
        if matches!(*state, State::Full) {
            let database = open(&self.device, &self.path);
            let database = database.map_err(|error| fault(&self.path, &error))?;
            *state = State::Open(database);
        }
        Ok(())
    }
}

fn open(device: &Arc<dyn Device>, path: &Path) -> Result<Database, redb::Error> {
    let file = device.open(path, Open::Alone)?;
    guarded(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        // After a clean end it would be believed as it is.
        builder.set_check_integrity_on_open(true);
        Ok(builder.create_with_backend(Backend::new(file))?)
    })
}

/// Turns panics of the database into errors: a damaged file may lead to either.
fn guarded<T>(act: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("for no reason");
        Err(redb::Error::Corrupted(format!("it panicked: {text}")))
    })
}

/// Whether what is there is not, or not wholly, a database.
fn is_no_database(error: &redb::Error) -> bool {
    match error {
        redb::Error::Corrupted(_) => true,
        redb::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

/// Whether nothing was ever kept here: neither a channel nor a journal.
fn has_nothing(device: &Arc<dyn Device>, folder: &Path) -> bool {
    let journal = device.list(&paths::journal(folder));
    let entries = device.list(folder);
    let channel = |name: &str| paths::channel_of(name).is_some();
    journal.is_ok_and(|files| files.is_empty())
        && entries.is_ok_and(|entries| !entries.iter().any(|entry| channel(&entry.name)))
}

fn fault(path: &Path, error: &redb::Error) -> CatalogueFault {
    let full = matches!(error, redb::Error::Io(error) if is_full(error));
    let help = if is_no_database(error) {
        "; put a copy of the whole folder in place, or move this file away and start again: the \
         events are found without it, while settings, cells, and what was trimmed, are not"
    } else {
        ""
    };
    CatalogueFault {
        fault: StorageFault::new(format!("{}: {error}{help}", path.display())),
        full,
    }
}
