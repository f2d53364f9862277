//! Which components of the plugins folder were built from which crates: those go with
//! their crate, also when it went while nobody watched.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// In the plugins folder; hidden, so that nobody takes it for a plugin's.
const FILE: &str = ".hearken-dev.json";

/// The components that were put into a plugins folder, by the plugin's name.
pub(super) struct Placed {
    plugins_dir: PathBuf,
    components: BTreeMap<String, Component>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Component {
    /// Name of the crate's folder.
    #[serde(rename = "crate")]
    of: String,
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

    /// The component of the plugin is that of the crate in `folder` now. Returns the
    /// other plugins whose component was the crate's before it had another name, and is
    /// gone now.
    ///
    /// # Errors
    /// When the component cannot be read, or it cannot be written down.
    pub(super) fn insert(&mut self, plugin: &str, folder: &Path) -> io::Result<Vec<String>> {
        let component = std::fs::read(self.component(plugin))?;
        let of = name_of(folder);
        let renamed = self.remove(|name, component| component.of == of && name != plugin)?;
        let hash = blake3::hash(&component).to_hex().to_string();
        let component = Component { of, hash };
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
            let manifest = plugins_dir.join(&component.of).join("Cargo.toml");
            matches!(manifest.try_exists(), Ok(false))
        })
    }

    fn remove(&mut self, gone: impl Fn(&str, &Component) -> bool) -> io::Result<Vec<String>> {
        let is_gone = |(name, component): &(&String, &Component)| gone(name, component);
        let names = self.components.iter().filter(is_gone);
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        let mut removed = Vec::new();
        for name in &names {
            let file = self.component(name);
            let is_ours = std::fs::read(&file).is_ok_and(|content| {
                self.components[name].hash == blake3::hash(&content).to_hex().as_str()
            });
            if is_ours {
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

    fn component(&self, plugin: &str) -> PathBuf {
        self.plugins_dir.join(format!("{plugin}.wasm"))
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
            assert_eq!(placed.insert(name, &folder).unwrap(), [""; 0]);
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
        placed.insert("cart", &folder).unwrap();
        assert_eq!(placed.insert("basket", &folder).unwrap(), ["cart"]);
        assert!(!plugins.join("cart.wasm").exists());
        assert!(plugins.join("basket.wasm").exists());
    }
}
