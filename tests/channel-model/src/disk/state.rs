//! Folders and files, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Faults;
use super::file::{Contents, index};
use crate::Random;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File(u64),
}

/// All of the disk.
#[derive(Debug)]
pub(super) struct State {
    pub(super) random: Random,
    pub(super) faults: Faults,
    /// How often they happened.
    pub(super) fired: u64,
    pub(super) stop_after: Option<u64>,
    pub(super) room: u64,
    /// How long a file may be.
    pub(super) longest: u64,
    pub(super) syncs: u64,
    /// What is where, as everybody sees it,
    pub(super) nodes: BTreeMap<PathBuf, Node>,
    /// and as the disk has it.
    durable: BTreeMap<PathBuf, Node>,
    pub(super) files: BTreeMap<u64, Contents>,
    next_file: u64,
    /// Files that somebody has alone.
    pub(super) alone: BTreeSet<u64>,
    /// How often all that was open was lost.
    pub(super) generation: u64,
    /// Files that are open since.
    pub(super) open: usize,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Folder)]);
        Self {
            random: Random::new(seed),
            faults: Faults::default(),
            fired: 0,
            stop_after: None,
            room: u64::MAX,
            longest: u64::MAX,
            syncs: 0,
            nodes: root.clone(),
            durable: root,
            files: BTreeMap::new(),
            next_file: 1,
            alone: BTreeSet::new(),
            generation: 0,
            open: 0,
        }
    }

    /// Counts an operation; an error once everything has stopped.
    pub(super) fn operate(&mut self) -> io::Result<()> {
        match &mut self.stop_after {
            Some(0) => Err(io::Error::other("the process is gone")),
            Some(operations) => {
                *operations -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether something happens that does so many times of a thousand, and should not.
    pub(super) fn fails(&mut self, thousandths: u64) -> bool {
        let fails = self.random.chance(thousandths);
        self.fired += u64::from(fails);
        fails
    }

    /// Whether there is room for a file of so many bytes to become so long; `fails` if there
    /// is none though there should be.
    pub(super) fn make_room(&mut self, (bytes, wanted): (u64, u64), fails: bool) -> io::Result<()> {
        let more = wanted.saturating_sub(bytes);
        if more == 0 {
            return Ok(());
        }
        if wanted > self.longest {
            self.fired += 1;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if fails || self.used().saturating_add(more) > self.room {
            self.fired += u64::from(!fails);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    pub(super) fn make_file(&mut self, path: &Path) -> u64 {
        let file = self.next_file;
        self.next_file += 1;
        self.files.insert(file, Contents::default());
        self.nodes.insert(path.to_owned(), Node::File(file));
        file
    }

    /// Bytes that are taken of the disk.
    pub(super) fn used(&self) -> u64 {
        let files = self.nodes.values().filter_map(|node| match node {
            Node::File(file) => self.files.get(file),
            Node::Folder => None,
        });
        files.map(|file| file.bytes).sum()
    }

    /// Makes durable what is in a folder.
    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let inside = |path: &Path| path.parent() == Some(folder);
        self.durable.retain(|path, _| !inside(path));
        let now = self.nodes.iter().filter(|(path, _)| inside(path));
        let now: Vec<_> = now.map(|(path, node)| (path.clone(), *node)).collect();
        self.durable.extend(now);
    }

    pub(super) fn copy(&self) -> Self {
        let mut copy = Self::new(0);
        copy.nodes.clone_from(&self.nodes);
        copy.durable.clone_from(&self.nodes);
        copy.files.clone_from(&self.files);
        for file in copy.files.values_mut() {
            file.sync();
        }
        copy.next_file = self.next_file;
        copy
    }

    pub(super) fn written(&self) -> Vec<(PathBuf, u64)> {
        let nodes = self.nodes.iter();
        let files = nodes.filter_map(|(path, node)| match node {
            Node::File(file) => Some((path.clone(), self.files.get(file)?.written())),
            Node::Folder => None,
        });
        files.collect()
    }

    /// Does something to a file, if it is there.
    pub(super) fn file_at(&mut self, path: &Path, act: impl FnOnce(&mut Contents)) {
        if let Some(Node::File(file)) = self.nodes.get(path)
            && let Some(file) = self.files.get_mut(file)
        {
            act(file);
        }
    }

    /// What a file has.
    pub(super) fn file(&mut self, file: u64) -> io::Result<&mut Contents> {
        self.files
            .get_mut(&file)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn kill(&mut self) {
        self.generation += 1;
        self.open = 0;
        self.alone.clear();
        self.stop_after = None;
    }

    pub(super) fn crash(&mut self) {
        self.kill();
        let paths: BTreeSet<PathBuf> = self
            .nodes
            .keys()
            .chain(self.durable.keys())
            .cloned()
            .collect();
        for path in paths {
            let (now, durable) = (self.nodes.get(&path), self.durable.get(&path));
            if now != durable && self.random.chance(500) {
                match now.copied() {
                    Some(node) => drop(self.durable.insert(path, node)),
                    None => drop(self.durable.remove(&path)),
                }
            }
        }
        // What is in a folder that is not there is not there either.
        let nodes = std::mem::take(&mut self.durable);
        for (path, node) in nodes {
            let parent = path.parent().map(Path::to_owned);
            if parent.is_none_or(|parent| self.durable.contains_key(&parent)) {
                self.durable.insert(path, node);
            }
        }
        self.nodes.clone_from(&self.durable);
        let there = self.nodes.values().filter_map(|node| match node {
            Node::File(file) => Some(*file),
            Node::Folder => None,
        });
        let there: BTreeSet<u64> = there.collect();
        self.files.retain(|file, _| there.contains(file));
        for file in self.files.values_mut() {
            file.crash(&mut self.random);
        }
    }

    pub(super) fn flip(&mut self, may: impl Fn(&Path) -> bool) -> Option<String> {
        let files: Vec<(PathBuf, u64)> = self
            .nodes
            .iter()
            .filter(|(path, _)| may(path))
            .filter_map(|(path, node)| match node {
                Node::File(file) => Some((path.clone(), *file)),
                Node::Folder => None,
            })
            .collect();
        let (path, file) = files.get(index(self.random.below(files.len() as u64)))?;
        let at = self.files.get_mut(file)?.flip(&mut self.random)?;
        Some(format!("{} at {at}", path.display()))
    }
}
