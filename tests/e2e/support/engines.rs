//! The engines of languages, compiled once for all tests: that takes seconds, and on a busy
//! machine without optimisation a minute.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::plugin::Plugin;
use super::process::{hearken, run_compiling};

/// A text in TypeScript, so that both engines are needed.
const TEXT: &str = "import { listen } from \"hearken\";\n\
                    listen(\"custom.a\", (event: { type: string }) => console.log(event.type));\n";

/// A data folder with the code of the engines.
pub async fn compiled() -> &'static Path {
    static COMPILED: OnceCell<PathBuf> = OnceCell::const_new();
    let data = COMPILED.get_or_init(|| async {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engines");
        fs::create_dir_all(data.join("code")).expect("a folder in the target folder");
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("a.ts"), TEXT).expect("a new file");
        let shown = data.display().to_string();
        let arguments = ["plugin", "check", "a.ts", "--data", &shown];
        let checked = run_compiling(hearken(folder.path(), &arguments)).await;
        assert_eq!(checked.code, 0, "{checked:?}");
        data
    });
    data.await
}

/// Puts the code of the engines into a data folder that is not there yet.
pub async fn put_into(data: &Path) {
    let code = data.join("code");
    fs::create_dir_all(&code).expect("a new folder");
    for file in fs::read_dir(compiled().await.join("code")).expect("it is there") {
        let file = file.expect("it can be read");
        fs::copy(file.path(), code.join(file.file_name())).expect("a new file");
    }
}

/// Puts plugins into the plugins folder of a node that has not been started, and into its data
/// folder, within `folder`, the code of the engines, if one of them is a text.
pub async fn place(
    plugins: impl IntoIterator<Item = Plugin>,
    plugins_folder: &Path,
    folder: &Path,
) {
    fs::create_dir_all(plugins_folder).expect("a new folder");
    let mut is_text = false;
    for plugin in plugins {
        plugin.place(plugins_folder);
        is_text |= plugin.is_text();
    }
    if is_text {
        put_into(&folder.join("data")).await;
    }
}

/// Folders of a node without plugins, that has the code of the engines.
pub async fn folders() -> TempDir {
    let folders = TempDir::new().expect("a temporary folder");
    fs::create_dir(folders.path().join("plugins")).expect("a new folder");
    put_into(&folders.path().join("data")).await;
    folders
}
