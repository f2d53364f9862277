//! The disk, as the engine sees it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hearken_channel_log::disk::device::{Device, DeviceFile, Entry, Open, unreadable};

use super::Disk;
use super::file::index;
use super::state::{Node, State};

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn failed(what: &str) -> io::Error {
    io::Error::other(format!("simulated error of a {what}"))
}

impl Device for Disk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DeviceFile>> {
        let mut state = self.state();
        state.operate()?;
        let file = match (state.nodes.get(path), how) {
            (Some(Node::File(_)), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(Node::File(file)), _) => *file,
            (Some(Node::Folder), _) => return Err(io::ErrorKind::IsADirectory.into()),
            (None, Open::New | Open::Alone) => {
                let parent = path.parent().and_then(|parent| state.nodes.get(parent));
                if parent != Some(&Node::Folder) {
                    return Err(not_found());
                }
                state.make_file(path)
            }
            (None, _) => return Err(not_found()),
        };
        let alone = how == Open::Alone;
        if alone && !state.alone.insert(file) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        if matches!(how, Open::Recover | Open::Alone)
            && let Some(file) = state.files.get_mut(&file)
        {
            file.forget();
        }
        state.open += 1;
        Ok(Arc::new(OpenFile {
            disk: self.clone(),
            file,
            alone,
            generation: state.generation,
        }))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.nodes.entry(path.to_owned()).or_insert(Node::Folder);
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.syncs += 1;
        if state.nodes.get(path) != Some(&Node::Folder) {
            return Err(not_found());
        }
        let faults = state.faults;
        if state.fails(faults.sync) {
            return Err(failed("sync of a folder"));
        }
        if state.fails(faults.sync_full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.sync_folder(path);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state();
        state.operate()?;
        if state.nodes.get(path) != Some(&Node::Folder) {
            return Err(not_found());
        }
        let faults = state.faults;
        if state.fails(faults.read) {
            return Err(failed("list"));
        }
        let inside = state.nodes.iter();
        let inside = inside.filter(|(inside, _)| inside.parent() == Some(path));
        let entries = inside.filter_map(|(inside, node)| {
            let bytes = match node {
                Node::File(file) => state.files.get(file).map_or(0, |file| file.bytes),
                Node::Folder => 0,
            };
            Some(Entry {
                name: inside.file_name()?.to_str()?.to_owned(),
                folder: *node == Node::Folder,
                bytes,
            })
        });
        Ok(entries.collect())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        match state.nodes.get(path) {
            Some(Node::File(_)) => {
                state.nodes.remove(path);
                Ok(())
            }
            _ => Err(not_found()),
        }
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let mut inside = state.nodes.keys();
        if inside.any(|inside| inside.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.nodes.remove(path).map(drop).ok_or_else(not_found)
    }

    fn room(&self, _folder: &Path) -> u64 {
        let state = self.state();
        state.room.saturating_sub(state.used())
    }

    fn parallel_syncs(&self) -> usize {
        1
    }

    /// Few, so that small journals go beyond it too.
    fn writes_ahead(&self) -> u64 {
        1024
    }
}

#[derive(Debug)]
struct OpenFile {
    disk: Disk,
    file: u64,
    alone: bool,
    generation: u64,
}

impl OpenFile {
    /// The disk, if this file has not been lost with all that was open.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.generation != self.generation {
            return Err(io::Error::other("the process is gone"));
        }
        state.operate()?;
        act(&mut state)
    }
}

impl DeviceFile for OpenFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.files.get(&self.file).map_or(0, |file| file.bytes)))
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        self.with(|state| {
            let faults = state.faults;
            if state.fails(faults.read) {
                return Err(failed("read"));
            }
            let file = state.files.get(&self.file).ok_or_else(not_found)?;
            if !file.is_readable(at, out.len()) {
                return Err(unreadable());
            }
            Ok(file.read(at, out))
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state| {
            let faults = state.faults;
            let part = index(state.random.below(bytes.len() as u64));
            let broken = state.fails(faults.write);
            let longer_full = state.fails(faults.full);
            let full_inside = state.fails(faults.full_inside);
            let short = state.random.chance(faults.short);
            // Up to where a file may be it is written.
            let may = index(state.longest.saturating_sub(at).min(bytes.len() as u64));
            let bytes = if may > 0 { &bytes[..may] } else { bytes };
            let part = part.min(bytes.len());
            let end = at + bytes.len() as u64;
            let length = state.file(self.file)?.bytes;
            state.make_room((length, end), longer_full)?;
            let file = state.file(self.file)?;
            if full_inside {
                file.write(at, &bytes[..part]);
                return Err(io::ErrorKind::StorageFull.into());
            }
            if broken {
                file.write(at, &bytes[..part]);
                return Err(failed("write"));
            }
            let written = if short && part > 0 { part } else { bytes.len() };
            file.write(at, &bytes[..written]);
            Ok(written)
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.with(|state| {
            let faults = state.faults;
            let full = state.fails(faults.full);
            let length = state.file(self.file)?.bytes;
            state.make_room((length, bytes), full)?;
            state.file(self.file)?.set_len(bytes);
            Ok(())
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.with(|state| {
            let faults = state.faults;
            let full = state.fails(faults.full);
            let length = state.file(self.file)?.bytes;
            state.make_room((length, bytes), full)?;
            state.file(self.file)?.extend(bytes);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state| {
            state.syncs += 1;
            let faults = state.faults;
            let fails = state.fails(faults.sync);
            let full = state.fails(faults.sync_full);
            let file = state.file(self.file)?;
            if fails || full {
                file.lie();
                let error = if fails {
                    failed("sync")
                } else {
                    io::ErrorKind::StorageFull.into()
                };
                return Err(error);
            }
            file.sync();
            Ok(())
        })
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.generation == self.generation {
            state.open -= 1;
            if self.alone {
                state.alone.remove(&self.file);
            }
        }
    }
}
