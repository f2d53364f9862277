//! What is compared.

use std::path::{Path, PathBuf};

use super::super::load::marked;
use crate::guests::component;
use crate::languages::{self, Tool};
use crate::node::Folder;

/// A listener in one language, by one tool.
pub(super) struct Guest {
    pub(super) name: &'static str,
    /// What a node loads: a component or a text.
    pub(super) file: PathBuf,
    kind: Kind,
}

/// How another version of it comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A component whose compiler is not counted.
    Component,
    /// A text, whose comments begin so.
    Text(&'static str),
    /// A text, for whose engine a node needs this data.
    Added(&'static str),
    /// A text that is evaluated when its component is made.
    Snapshot,
    /// A script of which a tool makes a component.
    Made(Tool),
}

/// All that are wanted, or why one cannot be had here.
pub(super) fn all(is_wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Result<Guest, String>)> {
    let made = |tool: Tool| move || Ok((tool.component()?, Kind::Made(tool)));
    type Make = Box<dyn Fn() -> Result<(PathBuf, Kind), String>>;
    let guests: [(&'static str, Make); 8] = [
        (
            "rust-framed",
            Box::new(|| Ok((component("compared"), Kind::Component))),
        ),
        (
            "javascript",
            Box::new(|| Ok((languages::text("js"), Kind::Text("//")))),
        ),
        (
            "typescript",
            Box::new(|| Ok((languages::text("ts"), Kind::Text("//")))),
        ),
        ("javascript-snapshot", Box::new(snapshot)),
        ("python", Box::new(python)),
        ("peer/componentize-qjs", Box::new(made(Tool::Qjs))),
        ("peer/componentize-js", Box::new(made(Tool::Js))),
        ("peer/componentize-py", Box::new(made(Tool::Py))),
    ];
    let wanted = guests.into_iter().filter(|(name, _)| is_wanted(name));
    let guest = |(name, make): (&'static str, Make)| {
        let guest = make().map(|(file, kind)| Guest { name, file, kind });
        (name, guest)
    };
    wanted.map(guest).collect()
}

fn snapshot() -> Result<(PathBuf, Kind), String> {
    let component = languages::built("compared-snapshot.wasm")?;
    languages::snapshot(&languages::text("js"), &component)?;
    Ok((component, Kind::Snapshot))
}

fn python() -> Result<(PathBuf, Kind), String> {
    languages::python_data()?;
    Ok((languages::text("py"), Kind::Added("#")))
}

impl Guest {
    /// The folders of a node with this plugin alone.
    ///
    /// # Errors
    /// When what the node needs beside it cannot be had.
    pub(super) fn folder(&self, manifest: &str) -> Result<Folder, String> {
        let folder = Folder::new(&[(self.plugin().to_owned(), &self.file, manifest)]);
        if matches!(self.kind, Kind::Added(_)) {
            copy_all(&languages::python_data()?, &folder.data())?;
        }
        Ok(folder)
    }

    /// The name of the plugin.
    pub(super) fn plugin(&self) -> &'static str {
        self.name.strip_prefix("peer/").unwrap_or(self.name)
    }

    /// What [`next_version`](Self::next_version) and the node do, in the words of a unit.
    pub(super) fn saved(&self) -> &'static str {
        match self.kind {
            Kind::Component => "ms, component replaced to listening",
            Kind::Text(_) | Kind::Added(_) => "ms, text saved to listening",
            Kind::Snapshot | Kind::Made(_) => "ms, text saved, component made, listening",
        }
    }

    /// How often saving is measured: where it takes seconds, less often.
    pub(super) fn rounds(&self, repetitions: usize) -> usize {
        match self.kind {
            Kind::Component | Kind::Text(_) | Kind::Added(_) => 30,
            Kind::Snapshot | Kind::Made(_) => repetitions,
        }
    }

    /// Makes another version of the plugin's file.
    ///
    /// # Errors
    /// When a tool fails.
    pub(super) fn next_version(&self, number: usize, file: &Path) -> Result<(), String> {
        let text = |comment: &str, text: &Path| {
            let original = std::fs::read_to_string(text).map_err(|error| error.to_string())?;
            Ok(format!("{original}\n{comment} {number}\n"))
        };
        let write = |content: &[u8], file: &Path| {
            std::fs::write(file, content).map_err(|error| error.to_string())
        };
        match self.kind {
            Kind::Component => {
                let original = std::fs::read(&self.file).map_err(|error| error.to_string())?;
                write(&marked(&original, number), file)
            }
            Kind::Text(comment) | Kind::Added(comment) => {
                write(text(comment, &self.file)?.as_bytes(), file)
            }
            Kind::Snapshot => {
                let changed = languages::built("compared.js")?;
                let content: Result<String, String> = text("//", &languages::text("js"));
                write(content?.as_bytes(), &changed)?;
                languages::snapshot(&changed, file)
            }
            Kind::Made(tool) => tool.make_another(number, file),
        }
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let copy = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy_all(&entry.path(), &copy)?;
        } else {
            std::fs::copy(entry.path(), copy).map_err(failed)?;
        }
    }
    Ok(())
}
