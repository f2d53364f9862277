//! Which files of the plugins folder were built from which crates and projects: those go with
//! what they were built from, also when it went while nobody watched.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::authoring::project::is_crate;
use crate::script::PROJECT;

/// In the plugins folder; hidden, so that nobody takes it for a plugin's.
const FILE: &str = ".hearken-dev.json";

/// Of what something was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A crate, to a component.
    #[default]
    Crate,
    /// A project of npm, to a text.
    Project,
}

impl Kind {
    /// As serde calls it.
    fn is_crate(&self) -> bool {
        *self == Self::Crate
    }

    /// What a folder has that is one.
    fn manifest(self) -> &'static str {
        match self {
            Self::Crate => "Cargo.toml",
            Self::Project => PROJECT,
        }
    }

    /// The file that a plugin of this name is.
    pub(super) fn file(self, plugins_dir: &Path, plugin: &str) -> PathBuf {
        plugins_dir.join(match self {
            Self::Crate => format!("{plugin}.wasm"),
            Self::Project => format!("{plugin}.js"),
        })
    }
}

/// The components that were put into a plugins folder, by the plugin's name.
pub(super) struct Placed {
    plugins_dir: PathBuf,
    components: BTreeMap<String, Component>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Component {
    /// Name of the crate's folder, or the project's.
    #[serde(rename = "crate")]
    of: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Kind::is_crate")]
    kind: Kind,
    /// BLAKE3 of the component, in hexadecimal: one that somebody else put there stays.
    hash: String,
}

impl Placed {
    /// What earlier runs have left in the folder.
    pub(super) fn load(plugins_dir: &Path) -> Self {
        let text = std::fs::read_to_string(plugins_dir.join(FILE)).unwrap_or_default();
        Self {
            plugins_dir: plugins_dir.to_owned(),
            // What somebody has edited by hand tells nothing.
            components: serde_json::from_str(&text).unwrap_or_default(),
        }
    }

    /// Whether the plugin's file was built.
    pub(super) fn has(&self, plugin: &str, kind: Kind) -> bool {
        let component = self.components.get(plugin);
        component.is_some_and(|component| component.kind == kind)
    }

    /// The plugin's file is that of the crate or project in `folder` now. Returns the
    /// other plugins whose component was the crate's before it had another name, and is
    /// gone now.
    ///
    /// # Errors
    /// When the component cannot be read, or it cannot be written down.
    pub(super) fn insert(
        &mut self,
        plugin: &str,
        folder: &Path,
        kind: Kind,
    ) -> io::Result<Vec<String>> {
        let component = std::fs::read(kind.file(&self.plugins_dir, plugin))?;
        let of = name_of(folder);
        let renamed = self.remove(|name, component| component.of == of && name != plugin)?;
        let hash = blake3::hash(&component).to_hex().to_string();
        let component = Component { of, kind, hash };
        if self.components.get(plugin) != Some(&component) {
            self.components.insert(plugin.to_owned(), component);
            self.save()?;
        }
        Ok(renamed)
    }

    /// Removes the components whose crates are gone; returns their plugins.
    ///
    /// # Errors
    /// When one cannot be removed, or it cannot be written down.
    pub(super) fn remove_orphans(&mut self) -> io::Result<Vec<String>> {
        let plugins_dir = self.plugins_dir.clone();
        self.remove(|_, component| {
            let folder = plugins_dir.join(&component.of);
            let manifest = folder.join(component.kind.manifest());
            let is_gone = matches!(manifest.try_exists(), Ok(false));
            // What has become a crate is built to a component.
            is_gone || component.kind == Kind::Project && is_crate(&folder)
        })
    }

    fn remove(&mut self, gone: impl Fn(&str, &Component) -> bool) -> io::Result<Vec<String>> {
        let is_gone = |(name, component): &(&String, &Component)| gone(name, component);
        let names = self.components.iter().filter(is_gone);
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        let mut removed = Vec::new();
        for name in &names {
            let file = self.components[name].kind.file(&self.plugins_dir, name);
            let is_ours = std::fs::read(&file).is_ok_and(|content| {
                self.components[name].hash == blake3::hash(&content).to_hex().as_str()
            });
            if is_ours {
                if self.components[name].kind == Kind::Project {
                    // It says nothing by itself.
                    let _ = std::fs::remove_file(file.with_extension("js.map"));
                }
                std::fs::remove_file(file)?;
                removed.push(name.clone());
            }
            self.components.remove(name);
        }
        if !names.is_empty() {
            self.save()?;
        }
        Ok(removed)
    }

    fn save(&self) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(FILE)
            .tempfile_in(&self.plugins_dir)?;
        serde_json::to_writer_pretty(&mut file, &self.components)?;
        file.write_all(b"\n")?;
        file.persist(self.plugins_dir.join(FILE))?;
        Ok(())
    }
}

/// What a crate's folder is called within the plugins folder.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_crate(plugins: &Path, name: &str) -> PathBuf {
        let folder = plugins.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("Cargo.toml"), "").unwrap();
        folder
    }

    #[test]
    fn components_go_with_their_crates_even_if_those_went_unseen() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path();
        let wasm = |name: &str| plugins.join(format!("{name}.wasm"));
        let mut placed = Placed::load(plugins);
        for name in ["kept", "gone", "emptied", "replaced"] {
            let folder = make_crate(plugins, name);
            std::fs::write(wasm(name), name).unwrap();
            assert_eq!(placed.insert(name, &folder, Kind::Crate).unwrap(), [""; 0]);
        }
        std::fs::write(wasm("own"), "somebody's").unwrap();
        std::fs::write(wasm("replaced"), "somebody's").unwrap();
        std::fs::remove_dir_all(plugins.join("gone")).unwrap();
        // What git leaves of a crate that another branch does not have.
        std::fs::create_dir(plugins.join("emptied/target")).unwrap();
        std::fs::remove_file(plugins.join("emptied/Cargo.toml")).unwrap();
        std::fs::remove_dir_all(plugins.join("replaced")).unwrap();

        let mut placed = Placed::load(plugins);
        assert_eq!(placed.remove_orphans().unwrap(), ["emptied", "gone"]);
        let left = ["kept", "own", "replaced"];
        assert!(left.iter().all(|name| wasm(name).is_file()));
        assert!(!wasm("gone").exists() && !wasm("emptied").exists());
        assert_eq!(Placed::load(plugins).components.len(), 1);
    }

    #[test]
    fn a_crate_with_another_name_leaves_no_component_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path();
        let folder = make_crate(plugins, "cart");
        let mut placed = Placed::load(plugins);
        for name in ["cart", "basket"] {
            std::fs::write(plugins.join(format!("{name}.wasm")), name).unwrap();
        }
        placed.insert("cart", &folder, Kind::Crate).unwrap();
        let renamed = placed.insert("basket", &folder, Kind::Crate);
        assert_eq!(renamed.unwrap(), ["cart"]);
        assert!(!plugins.join("cart.wasm").exists());
        assert!(plugins.join("basket.wasm").exists());
    }

    #[test]
    fn a_project_s_text_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path();
        let folder = plugins.join("shop");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(PROJECT), "{}").unwrap();
        for file in ["shop.js", "shop.js.map"] {
            std::fs::write(plugins.join(file), file).unwrap();
        }
        let mut placed = Placed::load(plugins);
        placed.insert("shop", &folder, Kind::Project).unwrap();
        let mut placed = Placed::load(plugins);
        assert_eq!(placed.remove_orphans().unwrap(), [""; 0]);
        std::fs::write(folder.join("Cargo.toml"), "").unwrap();
        assert_eq!(placed.remove_orphans().unwrap(), ["shop"], "a crate");
        assert!(!plugins.join("shop.js").exists());
        assert!(!plugins.join("shop.js.map").exists());

        std::fs::remove_file(folder.join("Cargo.toml")).unwrap();
        std::fs::write(plugins.join("shop.js"), "again").unwrap();
        placed.insert("shop", &folder, Kind::Project).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(placed.remove_orphans().unwrap(), ["shop"]);
        assert!(!plugins.join("shop.js").exists());
    }
}
