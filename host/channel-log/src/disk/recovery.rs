//! What is done at a start: the journal is laid over the segments. What was acknowledged is
//! there afterwards, or known to be damaged; what nobody was told of is there whole or not
//! at all. A crash amid it does no harm: nothing is removed from the journal before all of
//! it is synced elsewhere.

mod finding;
mod journal;
mod journal_files;
mod notes;
mod target;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::journal::Replayed;
pub(super) use self::notes::Notes;
use self::target::{Parts, Target};
use super::catalogue::{self, Catalogue, CatalogueFault};
use super::channel::{Channel, Recent, State};
use super::core::{Channels, disk_fault};
use super::device::{Device, Open};
use super::filing::Sealed;
use super::{DiskSettings, losses, paths};
use crate::{Bounds, Environment, StorageFault};

/// What was found at a start.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) catalogue: Catalogue,
    pub(super) store: u64,
    pub(super) channels: Channels,
    pub(super) next_channel: u64,
    pub(super) next_file: u64,
    pub(super) next_group: u64,
    /// Files of the journal that are kept: for channels that failed, or since the disk is
    /// full.
    pub(super) kept: Vec<Sealed>,
    /// What the catalogue has to know, for which the disk had no room.
    pub(super) unnoted: Option<Notes>,
}

/// Why the logs cannot be opened. Nothing is lost by trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The disk, or what is on it.
    #[error("the channels cannot be opened: {0}")]
    Storage(StorageFault),
    /// The system refuses a thread.
    #[error("the channels cannot be opened: no thread can be started: {0}")]
    Thread(String),
}

impl From<CatalogueFault> for OpenError {
    fn from(fault: CatalogueFault) -> Self {
        Self::Storage(fault.fault)
    }
}

fn storage(path: PathBuf) -> impl Fn(std::io::Error) -> OpenError {
    move |error| OpenError::Storage(disk_fault(&path, &error))
}

/// Opens what is in the folder, or makes it.
pub(super) fn recover(
    environment: &dyn Environment,
    device: &Arc<dyn Device>,
    settings: &DiskSettings,
) -> Result<Recovered, OpenError> {
    let root = &settings.folder;
    let journal_folder = paths::journal(root);
    device.create_folder(root).map_err(storage(root.clone()))?;
    if let Some(parent) = root.parent() {
        // Of a relative path it may be nothing.
        let here = Path::new(".");
        let parent = Some(parent).filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(here);
        let synced = device.sync_folder(parent);
        synced.map_err(storage(parent.to_owned()))?;
    }
    device
        .create_folder(&journal_folder)
        .map_err(storage(journal_folder.clone()))?;

    let catalogue = Catalogue::open(device, root)?;
    let found = finding::find(environment, device, root, &catalogue)?;
    if found.released.is_none() {
        // Of a file that was removed and came back once this start has noted where the journal
        // begins, the groups before it would be taken for lost.
        let synced = device.sync_folder(&journal_folder);
        synced.map_err(storage(journal_folder.clone()))?;
    }
    let mut targets = BTreeMap::new();
    let limited = found.rows.len() > device.writable_files();
    for row in found.rows {
        let mut target = Target::open(device, root, found.store, row)?;
        if limited {
            target.limit_files()?;
        }
        targets.insert(target.id(), target);
    }
    for adopted in found.adopted {
        let target = Target::adopt(device, root, found.store, adopted)?;
        targets.insert(target.id(), target);
    }
    let replayed = journal::replay(
        device,
        &journal_folder,
        (found.store, found.released, found.pinned),
        &mut targets,
    )?;
    let unnoted = finish(
        device,
        root,
        (&catalogue, found.store, found.released.is_none()),
        &mut targets,
        &replayed,
    )?;
    let all = unnoted.is_some();
    let kept = remove_journal(device, &journal_folder, (&replayed, all), &targets)?;

    let channels = Channels::default();
    for target in targets.into_values() {
        let channel = Arc::new(channel_of(target));
        if let Some(other) = channels.get(&channel.name) {
            // Which of them is meant nothing says.
            let text = format!(
                "{}: the channels {} and {} both have the name `{}`",
                root.display(),
                other.id,
                channel.id,
                channel.name
            );
            return Err(OpenError::Storage(StorageFault::new(text)));
        }
        channels.add(channel);
    }
    Ok(Recovered {
        catalogue,
        store: found.store,
        channels,
        next_channel: found.next_channel.max(replayed.highest_channel + 1),
        next_file: replayed.next_file,
        next_group: replayed.next_group,
        kept,
        unnoted,
    })
}

/// Syncs what was written, and has the catalogue know it. Returns what a full disk has kept
/// it from knowing.
fn finish(
    device: &Arc<dyn Device>,
    root: &Path,
    (catalogue, store, is_new): (&Catalogue, u64, bool),
    targets: &mut BTreeMap<u64, Target>,
    replayed: &Replayed,
) -> Result<Option<Notes>, OpenError> {
    for target in targets.values_mut() {
        target.end_journal(replayed.lost);
        target.sync(device.as_ref(), root)?;
    }
    let needs_journal = |target: &Target| target.holds() || target.has_failed();
    if targets.values().any(needs_journal) {
        sync_journal(device.as_ref(), root, replayed)?;
    }
    let notes = Notes::of(targets, replayed);
    let new_rows: Vec<_> = targets.values().filter_map(Target::new_row).collect();
    let noted = catalogue.write(true, |write| {
        catalogue::set_store(write, store)?;
        for row in &new_rows {
            catalogue::add(write, row)?;
        }
        notes.write(write)
    });
    match noted {
        Ok(()) => Ok(None),
        // What it knows holds as long as the journal is there.
        Err(fault) if fault.full && !is_new && new_rows.is_empty() => Ok(Some(notes)),
        Err(fault) => Err(fault.into()),
    }
}

/// Makes durable what was read of the journal, of which the last group may not have been: what
/// only it has is shown from now on, and its numbers are not given again.
fn sync_journal(device: &dyn Device, root: &Path, replayed: &Replayed) -> Result<(), OpenError> {
    let folder = paths::journal(root);
    for file in &replayed.files {
        let path = paths::numbered(&folder, file.number);
        let synced = device.open(&path, Open::Write).and_then(|file| file.sync());
        synced.map_err(storage(path))?;
    }
    Ok(())
}

/// Removes the journal, oldest file first, but for what channels need that failed or found no
/// room; none of it while `all` is needed.
fn remove_journal(
    device: &Arc<dyn Device>,
    folder: &Path,
    (replayed, all): (&Replayed, bool),
    targets: &BTreeMap<u64, Target>,
) -> Result<Vec<Sealed>, OpenError> {
    let failed = |channel: &u64| targets.get(channel).is_some_and(Target::has_failed);
    let holds = |channel: &u64| targets.get(channel).is_some_and(Target::holds);
    let mut kept = Vec::new();
    for file in &replayed.files {
        let pinned = file.channels.iter().any(failed);
        if all || pinned || file.channels.iter().any(holds) {
            kept.push(Sealed {
                pinned,
                ..file.clone()
            });
            continue;
        }
        let synced = paths::sync_removals(device.as_ref(), folder);
        synced.map_err(storage(folder.to_owned()))?;
        let path = paths::numbered(folder, file.number);
        device.remove_file(&path).map_err(storage(path))?;
    }
    if !replayed.files.is_empty() {
        device
            .sync_folder(folder)
            .map_err(storage(folder.to_owned()))?;
    }
    Ok(kept)
}

fn channel_of(target: Target) -> Channel {
    let Parts {
        row,
        bytes,
        filed,
        held,
        failed,
    } = target.into_parts();
    let mut state = State::new(row.settings, row.kept_from);
    state.bounds = Bounds {
        first: row.first.min(row.progress.last + 1),
        last: row.progress.last,
    };
    state.time = row.progress.time;
    state.filed = filed;
    state.checkpointed = filed;
    state.recent_bytes = held.iter().map(Recent::bytes).sum();
    state.bytes = bytes + state.recent_bytes as u64;
    state.queued = !held.is_empty();
    state.recent = held.into();
    state.losses = row.losses;
    state.failed = failed;
    let first = state.bounds.first;
    losses::forget_below(&mut state.losses, first);
    state.drop_by_count();
    Channel::new((row.id, row.name), (row.epoch, row.created), state)
}
