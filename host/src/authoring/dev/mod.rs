//! Keeps the plugins in a folder up to date with the crates and projects beside them.

mod placed;
mod projects;
mod types;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::build::{BuildError, CompilerOutput, PluginCrate, build};
use super::discover::{discover, subfolders};
use super::place::{PlaceError, Placement, place};
use super::project::{is_crate, is_project, is_python_project};
use placed::{Kind, Placed};
use watch::{Changed, SourceWatch};

/// Why the sources cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The plugins folder is missing or cannot be read.
    #[error(
        "cannot read the plugins folder {}: {source}; make it, or name another with `--plugins`",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system does not report changes of files.
    #[error("cannot watch {} for changes: {source}", folder.display())]
    Watch {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: notify::Error,
    },
}

/// What happens to a crate.
#[derive(Debug)]
pub enum DevReport {
    /// These crates are being compiled; the compiler's messages follow.
    Building(Vec<String>),
    /// What is done for a project.
    Note(String),
    /// The compiler has made the component of one of them, which was out of date.
    Compiled {
        /// The plugin.
        name: String,
        /// How many of the crates that are being compiled are done.
        done: usize,
        /// How many they are.
        of: usize,
        /// Time since they began to be compiled.
        after: Duration,
    },
    /// The crate's component, or the project's text, is in the plugins folder.
    Ready {
        /// The plugin.
        name: String,
        /// Whether the component has changed.
        placement: Placement,
    },
    /// A crate or a project gave no plugin; an older one stays in place.
    BuildFailed {
        /// Its folder.
        folder: PathBuf,
        /// Why.
        error: BuildError,
    },
    /// The component could not be put into the plugins folder.
    PlaceFailed {
        /// The plugin.
        name: String,
        /// Why.
        error: PlaceError,
    },
    /// The crate is gone or has another name, and the component is gone now.
    Removed {
        /// The plugin.
        name: String,
    },
    /// Which components are whose could not be written down, or an old one not removed.
    NotKept {
        /// Why.
        error: io::Error,
    },
    /// The types for plugins that are texts could not be written.
    NoTypes {
        /// Why.
        error: io::Error,
    },
    /// Changes of this folder will go unnoticed.
    NotWatched {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: notify::Error,
    },
}

/// How a build of several crates went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSummary {
    /// Plugins whose component is in place.
    pub ready: Vec<String>,
    /// Folders of the crates that failed.
    pub failed: Vec<PathBuf>,
}

/// Builds the crates and projects of a plugins folder, and builds them again as they change.
pub struct Dev {
    plugins_dir: PathBuf,
    output: CompilerOutput,
    report: Box<dyn FnMut(DevReport) + Send>,
    watch: SourceWatch,
    crates: BTreeMap<PathBuf, Known>,
    projects: BTreeMap<PathBuf, Known>,
    placed: Placed,
    /// Folders of which it was said that they are not watched.
    unwatched: BTreeSet<PathBuf>,
    /// It was said that there are no types.
    no_types: bool,
}

/// A crate or a project that was found before.
struct Known {
    /// Folders and files whose sources go into the plugin.
    sources: Vec<PathBuf>,
}

impl Known {
    fn is_touched(&self, changed: &Changed) -> bool {
        self.sources.iter().any(|root| changed.touches(root))
    }
}

impl Dev {
    /// Starts to watch `plugins_dir`. Every step is told to `report`, which should
    /// not block.
    ///
    /// The crates are compiled for [`WASM_TARGET`](super::WASM_TARGET), which must
    /// be installed: see [`ensure_target`](super::ensure_target).
    ///
    /// # Errors
    /// When the folder cannot be read or watched.
    pub fn new(
        plugins_dir: &Path,
        output: CompilerOutput,
        report: impl FnMut(DevReport) + Send + 'static,
    ) -> Result<Self, DevError> {
        let unwatched = |source| DevError::Watch {
            folder: plugins_dir.to_owned(),
            source,
        };
        // Reported changes have the names by which folders are watched, and cargo
        // names folders canonically.
        let folder = std::fs::canonicalize(plugins_dir).map_err(|source| DevError::Folder {
            folder: plugins_dir.to_owned(),
            source,
        })?;
        let mut watch = SourceWatch::new().map_err(unwatched)?;
        watch.watch_folder(&folder).map_err(unwatched)?;
        Ok(Self {
            placed: Placed::load(&folder),
            plugins_dir: folder,
            output,
            report: Box::new(report),
            watch,
            crates: BTreeMap::new(),
            projects: BTreeMap::new(),
            unwatched: BTreeSet::new(),
            no_types: false,
        })
    }

    /// Builds every crate and project. Await it before starting a node on the folder; one
    /// that fails keeps no other from being built.
    pub async fn build_all(&mut self) -> BuildSummary {
        self.keep_types();
        self.forget_removed();
        let folders = self.find_crates();
        // Quickest first.
        let mut summary = BuildSummary::default();
        self.bundle_all(&mut summary).await;
        self.rebuild(folders, &mut summary).await;
        summary
    }

    /// Builds what changes from now on, and what has changed since
    /// [`new`](Self::new), until `cancel` is cancelled; a build in hand is ended.
    pub async fn run(mut self, cancel: CancellationToken) {
        cancel
            .run_until_cancelled(async {
                loop {
                    let changed = self.watch.changed().await;
                    self.follow(&changed).await;
                }
            })
            .await;
    }

    async fn follow(&mut self, changed: &Changed) {
        self.keep_types();
        self.forget_removed();
        let mut stale = self.find_crates();
        self.bundle_stale(changed).await;
        stale.retain(|folder| match self.crates.get(folder) {
            None => true,
            Some(known) => known.is_touched(changed),
        });
        if !stale.is_empty() {
            self.rebuild(stale, &mut BuildSummary::default()).await;
        }
    }

    /// The folders with crates. Folders that may become crates are watched first, so
    /// that what is written into them meanwhile is noticed later.
    fn find_crates(&mut self) -> Vec<PathBuf> {
        let plugins_dir = self.plugins_dir.clone();
        self.watched(&plugins_dir, SourceWatch::watch_folder);
        for folder in subfolders(&self.plugins_dir).unwrap_or_default() {
            self.watched(&folder, SourceWatch::watch_folder);
        }
        discover(&self.plugins_dir).unwrap_or_default()
    }

    async fn rebuild(&mut self, folders: Vec<PathBuf>, summary: &mut BuildSummary) {
        let opened = join_all(folders.iter().map(|folder| PluginCrate::open(folder))).await;
        let mut crates = Vec::new();
        for (folder, opened) in folders.into_iter().zip(opened) {
            let known = match &opened {
                Ok(plugin) => Known {
                    sources: plugin.sources.clone(),
                },
                Err(_) => Known {
                    sources: vec![folder.clone()],
                },
            };
            for root in &known.sources {
                self.watched(root, SourceWatch::watch_sources);
            }
            self.crates.insert(folder.clone(), known);
            match opened {
                Ok(plugin) => crates.push((folder, plugin)),
                Err(error) => self.build_failed(folder, error, summary),
            }
        }
        let (folders, crates): (Vec<_>, Vec<_>) = crates.into_iter().unzip();
        if crates.is_empty() {
            return;
        }
        let names = crates.iter().map(|plugin| plugin.name.clone()).collect();
        (self.report)(DevReport::Building(names));
        let (mut done, of) = (0, crates.len());
        let report = &mut self.report;
        let built = build(&crates, self.output, |compiled| {
            done += 1;
            if !compiled.fresh {
                report(DevReport::Compiled {
                    name: compiled.plugin.name.clone(),
                    done,
                    of,
                    after: compiled.after,
                });
            }
        })
        .await;
        for ((folder, plugin), built) in folders.into_iter().zip(crates).zip(built) {
            match built {
                Ok(component) => self.place(plugin.name, &component, folder, summary).await,
                Err(error) => self.build_failed(folder, error, summary),
            }
        }
    }

    async fn place(
        &mut self,
        name: String,
        component: &Path,
        folder: PathBuf,
        summary: &mut BuildSummary,
    ) {
        match place(component, &self.plugins_dir, &name).await {
            Ok(placement) => self.is_placed(name, &folder, Kind::Crate, placement, summary),
            Err(error) => self.place_failed(name, folder, error, summary),
        }
    }

    fn is_placed(
        &mut self,
        name: String,
        folder: &Path,
        kind: Kind,
        placement: Placement,
        summary: &mut BuildSummary,
    ) {
        summary.ready.push(name.clone());
        let renamed = self.placed.insert(&name, folder, kind);
        (self.report)(DevReport::Ready { name, placement });
        self.removed(renamed);
    }

    fn place_failed(
        &mut self,
        name: String,
        folder: PathBuf,
        error: PlaceError,
        summary: &mut BuildSummary,
    ) {
        summary.failed.push(folder);
        (self.report)(DevReport::PlaceFailed { name, error });
    }

    fn build_failed(&mut self, folder: PathBuf, error: BuildError, summary: &mut BuildSummary) {
        summary.failed.push(folder.clone());
        (self.report)(DevReport::BuildFailed { folder, error });
    }

    /// Keeps what editors need to know of texts.
    fn keep_types(&mut self) {
        if let Err(error) = types::keep_types(&self.plugins_dir)
            && !std::mem::replace(&mut self.no_types, true)
        {
            (self.report)(DevReport::NoTypes { error });
        }
    }

    /// Removes what was made of crates and projects that are gone.
    fn forget_removed(&mut self) {
        self.projects
            .retain(|folder, _| is_project(folder) || is_python_project(folder));
        self.crates.retain(|folder, _| is_crate(folder));
        let removed = self.placed.remove_orphans();
        self.removed(removed);
    }

    fn removed(&mut self, removed: io::Result<Vec<String>>) {
        match removed {
            Ok(names) => names
                .into_iter()
                .for_each(|name| (self.report)(DevReport::Removed { name })),
            Err(error) => (self.report)(DevReport::NotKept { error }),
        }
    }

    fn watched(
        &mut self,
        folder: &Path,
        watch: impl FnOnce(&mut SourceWatch, &Path) -> notify::Result<()>,
    ) {
        // Said once: it is tried again with every change.
        if let Err(error) = watch(&mut self.watch, folder)
            && self.unwatched.insert(folder.to_owned())
        {
            (self.report)(DevReport::NotWatched {
                folder: folder.to_owned(),
                error,
            });
        }
    }
}

#[cfg(test)]
mod tests;
