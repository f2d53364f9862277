//! A plugin as it lies in a folder: a component or a text, or what pretends to be one,
//! and perhaps a manifest.

use std::fs;
use std::path::{Path, PathBuf};

use super::guests;

/// Files to put into a plugins folder.
#[derive(Clone)]
pub struct Plugin {
    pub name: String,
    /// What its file's name ends with, without the dot.
    ending: &'static str,
    content: Content,
    manifest: Option<String>,
}

#[derive(Clone)]
enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// The test guest of that name, under its own name.
pub fn plugin(guest: &str) -> Plugin {
    Plugin {
        name: guest.to_owned(),
        ending: "wasm",
        content: Content::File(guests::guest(guest).to_owned()),
        manifest: None,
    }
}

/// The gallery plugin of that name with the manifest that is shipped with it.
pub fn gallery(name: &str) -> Plugin {
    let manifest = guests::gallery_folder().join(format!("{name}.toml"));
    Plugin {
        name: name.to_owned(),
        ending: "wasm",
        content: Content::File(guests::gallery(name).to_owned()),
        manifest: fs::read_to_string(manifest).ok(),
    }
}

/// A file that need not be a component.
pub fn file(name: &str, bytes: impl Into<Vec<u8>>) -> Plugin {
    Plugin {
        name: name.to_owned(),
        ending: "wasm",
        content: Content::Bytes(bytes.into()),
        manifest: None,
    }
}

/// A text in the language of that ending.
pub fn text(name: &str, ending: &'static str, text: &str) -> Plugin {
    Plugin {
        ending,
        ..file(name, text)
    }
}

impl Plugin {
    /// Whether an engine evaluates it.
    pub fn is_text(&self) -> bool {
        self.ending != "wasm"
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.ending)
    }

    /// The same under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The same with this manifest.
    pub fn manifest(mut self, text: &str) -> Self {
        self.manifest = Some(text.to_owned());
        self
    }

    /// What is in its file.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.content {
            Content::File(path) => fs::read(path).expect("a compiled guest"),
            Content::Bytes(bytes) => bytes.clone(),
        }
    }

    /// Puts the files into a folder as a careful operator does: the manifest
    /// first, and each under another name before it gets its own.
    pub fn place(&self, folder: &Path) {
        if let Some(manifest) = &self.manifest {
            place(folder, &format!("{}.toml", self.name), manifest.as_bytes());
        }
        place(folder, &self.file_name(), &self.bytes());
    }

    /// Overwrites its file where it is.
    pub fn overwrite(&self, folder: &Path) {
        fs::write(folder.join(self.file_name()), self.bytes()).expect("the folder is writable");
    }
}

/// Writes a file under a temporary name and renames it.
pub fn place(folder: &Path, name: &str, content: &[u8]) {
    let temporary = folder.join(format!("{name}.tmp"));
    fs::write(&temporary, content).expect("the folder is writable");
    fs::rename(temporary, folder.join(name)).expect("within one folder");
}
