//! The embedded database beside the logs: everything that is a map. Without it no event is
//! lost; settings, cells, and what was trimmed are.

mod backend;
mod cells;
mod keys;
mod rows;
mod tables;

use std::io;
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
    Loaded, Loss, Progress, Row, add, forget, set_first, set_losses, set_progress, set_released,
    set_removing, set_settings, set_store,
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
        catalogue.write(true, tables::create)?;
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
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            if !durable {
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
        self.with(|database| read(&database.begin_read()?))
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, CatalogueFault> {
        self.reopen_if_full()?;
        let unpoisoned = "nobody panics while using the catalogue";
        let result = match &*self.state.read().expect(unpoisoned) {
            State::Open(database) => act(database),
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
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    Ok(builder.create_with_backend(Backend::new(file))?)
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
    CatalogueFault {
        fault: StorageFault::new(format!("{}: {error}", path.display())),
        full,
    }
}
