//! Makes one text of a project by its own bundler.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::described::Project;
use super::error::ProjectError;
use super::{install, tool};
use crate::script::{LIBRARIES, straight};

/// How long the bundler may take: it takes a tenth of a second for a large project.
const WITHIN: Duration = Duration::from_secs(60);

/// What the bundler is told of every project: what the engine's language is, and that libraries
/// are not to be as they are while they are debugged.
const ALWAYS: [&str; 10] = [
    "--bundle",
    "--format=esm",
    "--target=es2024",
    "--external:hearken",
    "--sourcemap",
    "--define:process.env.NODE_ENV=\"production\"",
    "--legal-comments=none",
    // Editors look at what lies in the plugins folder.
    "--banner:js=// @ts-nocheck",
    "--log-level=warning",
    "--color=false",
];

/// What was made of a project. Its files go with it.
#[derive(Debug)]
pub struct Bundle {
    /// Name of the plugin.
    pub name: String,
    /// The text.
    pub text: PathBuf,
    /// Its source map, if the bundler has made one.
    pub map: Option<PathBuf>,
    /// The sources that lie outside of the project, as far as they are no libraries.
    pub outside: Vec<PathBuf>,
    /// What the bundler has warned of.
    pub warnings: Option<String>,
    _folder: TempDir,
}

/// Makes one text of a project; packages that it needs and that are not there are got first,
/// which `note` is told. Dropping the future ends what was begun.
///
/// # Errors
/// [`ProjectError`] says what is in the way.
pub async fn bundle(
    project: &Project,
    note: &mut (dyn FnMut(&str) + Send),
) -> Result<Bundle, ProjectError> {
    let entry = project.entry()?;
    let bundler = install::bundler(project, note).await?;
    let folder = tempfile::tempdir().map_err(|error| disk(Path::new("."), &error))?;
    let canonical = folder.path().canonicalize();
    let canonical = canonical.map_err(|error| disk(folder.path(), &error))?;
    let text = canonical.join(format!("{}.js", project.name));
    let mut arguments = vec![entry];
    arguments.extend(ALWAYS.map(str::to_owned));
    arguments.push(format!("--outfile={}", text.display()));
    // Last, so that an author can have it otherwise.
    arguments.extend(project.arguments().iter().cloned());
    let said = tool::run(&bundler, &arguments, &project.dir, WITHIN).await?;
    if !said.is_success || !text.is_file() {
        return Err(ProjectError::Bundle {
            output: explained(said.output),
        });
    }
    let map = text.with_extension("js.map");
    let outside = match std::fs::read_to_string(&map) {
        Ok(json) => {
            let (json, outside) = from_plugins_folder(&json, &canonical, &project.dir);
            std::fs::write(&map, json).map_err(|error| disk(&map, &error))?;
            Some(outside)
        }
        Err(_) => None,
    };
    Ok(Bundle {
        name: project.name.clone(),
        map: outside.is_some().then_some(map),
        outside: outside.unwrap_or_default(),
        text,
        warnings: Some(said.output).filter(|said| !said.is_empty()),
        _folder: folder,
    })
}

fn disk(path: &Path, error: &io::Error) -> ProjectError {
    ProjectError::Disk {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// What the bundler says, and what that means here.
fn explained(said: String) -> String {
    let unresolved = unresolved(&said);
    if unresolved.is_empty() {
        return said;
    }
    let is_of_node = |name: &&str| {
        // It says this of those alone that Node brings.
        name.starts_with("node:") || said.contains(&format!("The package \"{name}"))
    };
    let (of_node, packages): (Vec<&str>, Vec<&str>) = unresolved.into_iter().partition(is_of_node);
    // What it advises is for programs that run elsewhere.
    let advises = |line: &&str| ADVICE.iter().any(|advice| line.trim().starts_with(advice));
    let lines = said.lines().filter(|line| !advises(line));
    let mut explained = lines.collect::<Vec<_>>().join("\n").trim_end().to_owned();
    if !packages.is_empty() {
        let packages = packages.join(" ");
        explained.push_str(&format!("\nget what is missing: `npm install {packages}`"));
    }
    if !of_node.is_empty() {
        explained.push_str(
            "\na plugin is no Node program and has no modules of Node; what it can do is in \
             \"hearken\", and fetch, URL, crypto and timers are global",
        );
    }
    explained
}

/// What the bundler says of a package that it does not find: how to have it looked for when the
/// text runs, where there are none.
const ADVICE: [&str; 2] = ["You can mark the path", "The package \""];

/// The packages that the bundler has not found, each once, as they are installed.
fn unresolved(said: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for rest in said.split("Could not resolve \"").skip(1) {
        let path = rest.split('"').next().unwrap_or_default();
        // Of `@scope/name/part` the first two.
        let parts = if path.starts_with('@') { 2 } else { 1 };
        let end = path.match_indices('/').nth(parts - 1);
        let name = &path[..end.map_or(path.len(), |(at, _)| at)];
        let is_file = path.starts_with(['.', '/']) || name.is_empty();
        if !is_file && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The source map that lies in `folder` as it is beside the project `dir`: sources have their
/// names from there, and libraries no text. And the other sources that lie outside of the project.
/// What is no source map stays as it is.
fn from_plugins_folder(json: &str, folder: &Path, dir: &Path) -> (String, Vec<PathBuf>) {
    let plugins = dir.parent().unwrap_or(dir);
    let mut outside = Vec::new();
    let Ok(mut map) = serde_json::from_str::<Value>(json) else {
        return (json.to_owned(), outside);
    };
    let mut libraries = Vec::new();
    let sources = map.get_mut("sources").and_then(Value::as_array_mut);
    for (index, source) in sources.into_iter().flatten().enumerate() {
        let Some(path) = source.as_str().map(|source| straight(&folder.join(source))) else {
            continue;
        };
        let is_library = path.iter().any(|part| part == LIBRARIES);
        if is_library {
            libraries.push(index);
        } else if !path.starts_with(dir) && path.is_file() {
            outside.push(path.clone());
        }
        let shown = path.strip_prefix(plugins).unwrap_or(&path);
        *source = Value::from(shown.to_string_lossy().replace('\\', "/"));
    }
    let contents = map.get_mut("sourcesContent").and_then(Value::as_array_mut);
    if let Some(contents) = contents {
        for content in libraries {
            if let Some(content) = contents.get_mut(content) {
                *content = Value::Null;
            }
        }
    }
    (map.to_string(), outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_from_the_plugins_folder_and_libraries_are_not_shown() {
        let root = tempfile::tempdir().unwrap();
        let plugins = root.path().join("plugins");
        let shop = plugins.join("shop");
        std::fs::create_dir_all(&shop).unwrap();
        std::fs::write(plugins.join("_shared.ts"), "").unwrap();
        let json = r#"{"version":3,"sources":["../plugins/shop/node_modules/a/b.js",
            "../plugins/shop/src/main.ts","../plugins/_shared.ts","/elsewhere.ts"],
            "sourcesContent":["library","own","shared",null],"mappings":"AAAA"}"#;
        let folder = root.path().join("made");
        let (json, outside) = from_plugins_folder(json, &folder, &shop);
        let map: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            map["sources"],
            serde_json::json!([
                "shop/node_modules/a/b.js",
                "shop/src/main.ts",
                "_shared.ts",
                "/elsewhere.ts"
            ])
        );
        let contents = serde_json::json!([null, "own", "shared", null]);
        assert_eq!(map["sourcesContent"], contents);
        assert_eq!(map["mappings"], "AAAA");
        assert_eq!(outside, [plugins.join("_shared.ts")]);
        assert_eq!(from_plugins_folder("no map", &folder, &shop).0, "no map");
    }

    /// A bundler that is a script, in a project that needs no packages.
    #[cfg(unix)]
    fn project(script: &str) -> (TempDir, Project) {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("shop");
        let tools = dir.join("node_modules/.bin");
        std::fs::create_dir_all(&tools).unwrap();
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
        write(&dir.join("package.json"), "{}");
        write(&dir.join("main.js"), "source");
        let tool = tools.join("esbuild");
        write(&tool, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let project = Project::open(&dir).unwrap();
        (root, project)
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_project_is_bundled_by_its_own_bundler() {
        let out = r#"for it; do case $it in --outfile=*) out=${it#--outfile=};; esac; done"#;
        let made = format!("{out}; cat main.js > $out; echo careful >&2");
        let (_root, shop) = project(&made);
        let bundle = bundle(&shop, &mut |_| {}).await.unwrap();
        assert_eq!(std::fs::read_to_string(&bundle.text).unwrap(), "source");
        assert!(bundle.text.ends_with("shop.js"));
        assert_eq!(bundle.map, None);
        assert_eq!(bundle.warnings.as_deref(), Some("careful"));
    }

    #[test]
    fn a_package_that_is_missing_is_told_how_to_be_got() {
        let said = "✘ [ERROR] Could not resolve \"zod/v4\"\n\n    src/main.ts:1:18:\n\n  You can mark \
                    the path \"zod/v4\" as external\n\nCould not resolve \"@a/b/c\"\nCould not \
                    resolve \"./gone.js\"\nCould not resolve \"zod\"";
        let told = explained(said.to_owned());
        assert!(
            told.ends_with("\nget what is missing: `npm install zod @a/b`"),
            "{told}"
        );
        assert!(told.contains("src/main.ts:1:18"), "{told}");
        assert!(!told.contains("as external"), "{told}");
        let said = "Could not resolve \"fs\"\n  The package \"fs\" wasn't found on the file system \
                    but is built into node. You can use \"--platform=node\"";
        let told = explained(said.to_owned());
        assert!(
            told.contains("no Node program") && !told.contains("--platform"),
            "{told}"
        );
        assert!(!told.contains("npm install"), "{told}");
        assert_eq!(explained("wrong".to_owned()), "wrong");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_the_bundler_says_is_told() {
        let (_root, shop) = project("echo 'main.js:1:2: wrong' >&2; exit 1");
        let error = bundle(&shop, &mut |_| {}).await.unwrap_err();
        assert_eq!(error.to_string(), "main.js:1:2: wrong");
        let (_root, shop) = project("echo 'Could not resolve \"node:fs\"' >&2; exit 1");
        let error = bundle(&shop, &mut |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("no Node program"), "{error}");
        std::fs::remove_dir_all(shop.dir.join("node_modules")).unwrap();
        let error = bundle(&shop, &mut |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("--save-dev esbuild"), "{error}");
    }
}
