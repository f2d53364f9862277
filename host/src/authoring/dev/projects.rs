//! Makes the texts of projects, and makes them again as their sources change.

use std::path::{Path, PathBuf};

use super::placed::Kind;
use super::watch::{Changed, SourceWatch};
use super::{BuildSummary, Dev, DevReport, Known};
use crate::authoring::discover::discover_projects;
use crate::authoring::place::{PlaceError, Placement, place_file};
use crate::authoring::project::{Bundle, Project, ProjectError, bundle, get_packages, is_project};

impl Dev {
    /// Bundles every project.
    pub(super) async fn bundle_all(&mut self, summary: &mut BuildSummary) {
        for folder in self.find_projects() {
            self.rebundle(folder, summary).await;
        }
    }

    /// Bundles the projects whose sources have changed, and those that are new.
    pub(super) async fn bundle_stale(&mut self, changed: &Changed) {
        let mut stale = self.find_projects();
        stale.retain(|folder| {
            let known = self.projects.get(folder);
            known.is_none_or(|known| known.is_touched(changed))
        });
        let mut summary = BuildSummary::default();
        for folder in stale {
            self.rebundle(folder, &mut summary).await;
        }
    }

    /// What may become a project is watched already, as what may become a crate.
    fn find_projects(&self) -> Vec<PathBuf> {
        discover_projects(&self.plugins_dir).unwrap_or_default()
    }

    /// Gets what a project in Python names; the node takes its sources as they are.
    async fn get_packages(&mut self, folder: PathBuf, summary: &mut BuildSummary) {
        let report = &mut self.report;
        let mut note = |note: &str| report(DevReport::Note(note.to_owned()));
        match get_packages(&folder, &mut note).await {
            Ok(_) => {
                let name = folder.file_name().unwrap_or_default();
                summary.ready.push(name.to_string_lossy().into_owned());
            }
            Err(error) => self.build_failed(folder, error.into(), summary),
        }
    }

    async fn rebundle(&mut self, folder: PathBuf, summary: &mut BuildSummary) {
        // What was used beside it before may be what is wrong now.
        if !self.projects.contains_key(&folder) {
            self.know(&folder, Vec::new());
        }
        self.watched(&folder, SourceWatch::watch_sources);
        if !is_project(&folder) {
            return self.get_packages(folder, summary).await;
        }
        let made = self.bundle(&folder).await;
        let made = match made {
            Ok(made) => made,
            Err(error) => return self.build_failed(folder, error.into(), summary),
        };
        self.know(&folder, made.outside.clone());
        if let Some(warnings) = &made.warnings {
            (self.report)(DevReport::Note(format!("{}: {warnings}", made.name)));
        }
        match self.place_bundle(&made).await {
            Ok(placement) => {
                let name = made.name.clone();
                self.is_placed(name, &folder, Kind::Project, placement, summary);
            }
            Err(error) => self.place_failed(made.name.clone(), folder, error, summary),
        }
    }

    async fn bundle(&mut self, folder: &Path) -> Result<Bundle, ProjectError> {
        let project = Project::open(folder)?;
        let report = &mut self.report;
        bundle(&project, &mut |note| {
            report(DevReport::Note(note.to_owned()))
        })
        .await
    }

    /// The map first: a node that sees the text finds the map that belongs to it.
    async fn place_bundle(&mut self, made: &Bundle) -> Result<Placement, PlaceError> {
        let text = Kind::Project.file(&self.plugins_dir, &made.name);
        if !self.placed.has(&made.name, Kind::Project) && !was_made(&text) {
            return Err(PlaceError::taken(&made.text, &text));
        }
        let mut placement = Placement::Unchanged;
        if let Some(map) = &made.map {
            placement = place_file(map, &text.with_extension("js.map")).await?;
        }
        match place_file(&made.text, &text).await? {
            Placement::Unchanged => Ok(placement),
            Placement::Placed => Ok(Placement::Placed),
        }
    }

    /// Watches the project's folder, and what it uses beside that.
    fn know(&mut self, folder: &Path, outside: Vec<PathBuf>) {
        self.watched(folder, SourceWatch::watch_sources);
        for file in &outside {
            if let Some(around) = file.parent() {
                self.watched(around, SourceWatch::watch_folder);
            }
        }
        let sources = [folder.to_owned()].into_iter().chain(outside);
        let known = Known {
            sources: sources.collect(),
        };
        self.projects.insert(folder.to_owned(), known);
    }
}

/// Whether there is nothing yet, or what a bundler has made: an author's own file is not replaced.
fn was_made(text: &Path) -> bool {
    let map = text.with_extension("js.map");
    let mention = map.file_name().unwrap_or_default().to_string_lossy();
    match std::fs::read_to_string(text) {
        Ok(text) => text
            .trim_end()
            .ends_with(&format!("//# sourceMappingURL={mention}")),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
