//! Which files of the folder are whose.

use std::path::Path;

use crate::config::{MAX_PLUGIN_NAME_BYTES, is_plugin_name};

/// The plugin that a file of the folder belongs to.
pub(super) fn plugin_of(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    let stem = path.file_stem()?.to_str()?;
    if !matches!(extension, "wasm" | "toml") || stem.starts_with('.') {
        return None;
    }
    is_plugin_name(stem).then(|| stem.to_owned())
}

/// Tells whoever put a component there that its name keeps it from being loaded.
pub(super) fn warn_of_name(path: &Path) {
    let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    if path
        .extension()
        .is_some_and(|extension| extension == "wasm")
        && path.file_name().is_some_and(|name| !hidden(name))
    {
        tracing::warn!(
            path = %path.display(),
            "ignored: a plugin's name has 1 to {MAX_PLUGIN_NAME_BYTES} letters, digits, `-`, `_` or `.`"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_belong_together() {
        assert_eq!(
            plugin_of(Path::new("/p/cart.wasm")).as_deref(),
            Some("cart")
        );
        assert_eq!(
            plugin_of(Path::new("/p/cart.v2.toml")).as_deref(),
            Some("cart.v2")
        );
        for ignored in [
            "/p/cart.txt",
            "/p/.cart.wasm",
            "/p/a b.wasm",
            "/p/wasm",
            "/p/ä.wasm",
            "/p/..data",
        ] {
            assert_eq!(plugin_of(Path::new(ignored)), None, "{ignored}");
        }
    }
}
