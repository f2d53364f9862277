//! Puts a component into the plugins folder so that a watching node sees either
//! the old file or the whole new one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a component was not placed.
#[derive(Debug, thiserror::Error)]
#[error("cannot place {} as {}: {source}", component.display(), target.display())]
pub struct PlaceError {
    component: PathBuf,
    target: PathBuf,
    source: io::Error,
}

impl PlaceError {
    /// There is something else in that place.
    pub(super) fn taken(component: &Path, target: &Path) -> Self {
        Self {
            component: component.to_owned(),
            target: target.to_owned(),
            source: io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is there and was not built; rename it, or take it away",
            ),
        }
    }
}

/// What [`place`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The folder had the very same component; the file was left alone.
    Unchanged,
    /// The folder has the new component now.
    Placed,
}

/// Makes `plugins_dir/NAME.wasm` the same as the file `component`: copies to a
/// temporary file in that folder and renames it, and only if the content differs.
///
/// # Errors
/// When the component cannot be read or the folder cannot be written.
pub async fn place(
    component: &Path,
    plugins_dir: &Path,
    name: &str,
) -> Result<Placement, PlaceError> {
    place_file(component, &plugins_dir.join(format!("{name}.wasm"))).await
}

/// The same for any file that a plugin is made of.
///
/// # Errors
/// When the file cannot be read or the folder of `target` cannot be written.
pub(super) async fn place_file(component: &Path, target: &Path) -> Result<Placement, PlaceError> {
    let (from, to) = (component.to_owned(), target.to_owned());
    let name = target.file_stem().unwrap_or_default();
    let prefix = format!(".{}.", name.to_string_lossy());
    tokio::task::spawn_blocking(move || replace(&from, &to, &prefix))
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
        .map_err(|source| PlaceError {
            component: component.to_owned(),
            target: target.to_owned(),
            source,
        })
}

fn replace(component: &Path, target: &Path, prefix: &str) -> io::Result<Placement> {
    if same_content(component, target)? {
        return Ok(Placement::Unchanged);
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // In the same folder, so that the rename is atomic; not named `.wasm`, so that
    // no node takes the half-written file for a plugin.
    let temporary = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(".tmp")
        .tempfile_in(folder)?
        .into_temp_path();
    // Copies the permissions too: the temporary file is readable by its owner only.
    std::fs::copy(component, &temporary)?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(Placement::Placed)
}

fn same_content(component: &Path, target: &Path) -> io::Result<bool> {
    let mut new = File::open(component)?;
    let mut old = match File::open(target) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if new.metadata()?.len() != old.metadata()?.len() {
        return Ok(false);
    }
    let (mut new_bytes, mut old_bytes) = (Vec::new(), Vec::new());
    new.read_to_end(&mut new_bytes)?;
    old.read_to_end(&mut old_bytes)?;
    Ok(new_bytes == old_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_component_replaces_the_old_one_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("plugins");
        let component = dir.path().join("built.wasm");

        std::fs::write(&component, b"one").unwrap();
        assert_eq!(
            place(&component, &plugins, "cart").await.unwrap(),
            Placement::Placed
        );
        std::fs::write(&component, b"two").unwrap();
        assert_eq!(
            place(&component, &plugins, "cart").await.unwrap(),
            Placement::Placed
        );

        let files: Vec<_> = std::fs::read_dir(&plugins)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["cart.wasm"]);
        assert_eq!(std::fs::read(plugins.join("cart.wasm")).unwrap(), b"two");
    }

    #[tokio::test]
    async fn the_same_component_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let component = dir.path().join("built.wasm");
        std::fs::write(&component, b"same").unwrap();
        place(&component, dir.path(), "cart").await.unwrap();
        let placed = dir.path().join("cart.wasm");
        let before = std::fs::metadata(&placed).unwrap().modified().unwrap();

        assert_eq!(
            place(&component, dir.path(), "cart").await.unwrap(),
            Placement::Unchanged
        );
        let after = std::fs::metadata(&placed).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }

    #[tokio::test]
    async fn a_missing_component_is_an_error_that_names_both_files() {
        let dir = tempfile::tempdir().unwrap();
        let error = place(&dir.path().join("no.wasm"), dir.path(), "cart")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no.wasm") && error.contains("cart.wasm"),
            "{error}"
        );
    }
}
