//! Which files of the folder are whose.

use std::ffi::OsStr;
use std::path::Path;

use crate::config::{MAX_PLUGIN_NAME_BYTES, is_plugin_name};
use crate::plugin::life::files::{Files, is_project};
use crate::script::{LIBRARIES, TextFile, text_file};

/// Whose a file of the folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// This plugin's.
    Plugin(String),
    /// Any plugin's that is a text and imports it.
    Shared,
}

/// Folders in a folder of plugins that are not looked into: they are large, and no plugins.
const OTHERS: [&str; 2] = [LIBRARIES, "target"];

/// What texts end with elsewhere: modules of another kind, and a markup in them.
const OTHER_TEXTS: [&str; 4] = ["cjs", "cts", "jsx", "tsx"];

/// Whose a file is, if it is anybody's: one of the folder, or of a folder within it.
pub(super) fn whose(folder: &Path, path: &Path) -> Option<Whose> {
    let parent = path.parent()?;
    // Elsewhere than on Linux the system names the folder by another path.
    let is_beside =
        parent == folder || !cfg!(target_os = "linux") && parent.file_name() == folder.file_name();
    let name = path.file_name()?.to_str()?;
    if !is_beside {
        // A text of a plugin that is a folder.
        let text = text_file(name).filter(|text| *text != TextFile::Ignored);
        return text
            .and_then(|_| folder_s_plugin(parent))
            .map(Whose::Plugin);
    }
    // Of what was made of other texts.
    if let Some(TextFile::Plugin(stem)) = name.strip_suffix(".map").and_then(text_file) {
        return named(stem);
    }
    match text_file(name) {
        Some(TextFile::Ignored) => None,
        Some(TextFile::Shared) => Some(Whose::Shared),
        Some(TextFile::Plugin(stem)) => named(stem),
        None => {
            let (stem, extension) = name.rsplit_once('.')?;
            matches!(extension, "wasm" | "toml")
                .then(|| named(stem))
                .flatten()
        }
    }
}

fn named(stem: &str) -> Option<Whose> {
    let is_name = !stem.starts_with('.') && is_plugin_name(stem);
    is_name.then(|| Whose::Plugin(stem.to_owned()))
}

/// The plugin that a folder within the folder may be.
pub(super) fn folder_s_plugin(folder: &Path) -> Option<String> {
    let name = folder.file_name().and_then(OsStr::to_str)?;
    // As of files: what begins with `_` is no plugin, and what Python compiles lies in such.
    let is_hidden = name.starts_with(['.', '_']);
    let is_name = !is_hidden && is_plugin_name(name) && !OTHERS.contains(&name);
    is_name.then(|| name.to_owned())
}

/// Tells whoever put a plugin there that its name keeps it from being loaded.
pub(super) fn warn_of_name(path: &Path) {
    let Some(name) = path.file_name() else {
        return;
    };
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    let is_component = path.extension() == Some(OsStr::new("wasm"));
    let text = text_file(name.to_str().unwrap_or_default());
    let is_text = matches!(text, Some(TextFile::Plugin(_)));
    if !is_hidden && (is_component || is_text) {
        tracing::warn!(
            path = %path.display(),
            "ignored: a plugin's name has 1 to {MAX_PLUGIN_NAME_BYTES} letters, digits, `-`, `_` or `.`"
        );
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    // The bundler of a project takes these.
    let is_of_a_project = || path.parent().is_some_and(is_project);
    if !is_hidden && OTHER_TEXTS.contains(&extension) && !is_of_a_project() {
        tracing::warn!(
            path = %path.display(),
            "ignored: the name of a text ends with `.js`, `.mjs`, `.ts`, `.mts` or `.py`"
        );
    }
}

/// Tells whoever put a project there that it is still to be built.
pub(super) fn warn_of_project(folder: &Path, path: &Path) {
    let Some(plugin) = folder_s_plugin(path).filter(|_| is_project(path)) else {
        return;
    };
    if Files::of(folder, &plugin).found().next().is_none() {
        tracing::warn!(
            path = %path.display(),
            "ignored: it is a project that has not been built; `hearken dev` builds it, and \
             `hearken plugin build {} --out {}` does",
            path.display(),
            folder.join(format!("{plugin}.wasm")).display(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_belong_together() {
        let whose = |path: &str| whose(Path::new("/p"), Path::new(path));
        for (path, plugin) in [
            ("/p/cart.wasm", "cart"),
            ("/p/cart.v2.toml", "cart.v2"),
            ("/p/cart.ts", "cart"),
            ("/p/cart.py", "cart"),
            ("/p/cart.js.map", "cart"),
            ("/p/shop/main.ts", "shop"),
            ("/p/shop/_prices.ts", "shop"),
        ] {
            assert_eq!(
                whose(path),
                Some(Whose::Plugin(plugin.to_owned())),
                "{path}"
            );
        }
        assert_eq!(whose("/p/_util.ts"), Some(Whose::Shared));
        for ignored in [
            "/p/cart.txt",
            "/p/.cart.wasm",
            "/p/a b.wasm",
            "/p/a b.ts",
            "/p/wasm",
            "/p/ä.wasm",
            "/p/..data",
            "/p/cart.d.ts",
            "/p/cart.test.ts",
            "/p/test_cart.py",
            "/p/shop/Cargo.toml",
            "/p/shop/main.test.ts",
            "/p/_util.js.map",
            "/p/cart.map",
            "/p/.hearken/hearken.ts",
            "/p/node_modules/index.js",
            "/p/__pycache__/main.py",
            "/p/_shared/main.ts",
        ] {
            assert_eq!(whose(ignored), None, "{ignored}");
        }
    }
}
