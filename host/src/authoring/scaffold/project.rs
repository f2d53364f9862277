//! Makes a new project: a folder with tests, whose own tools make the plugin of it.

use std::io;
use std::path::Path;

use super::error::ScaffoldError;
use super::made::Scaffolded;
use super::name::check;
use super::text::of_this_name;
use crate::authoring::npm::keep_package;
use crate::script::Language;

/// A file of a project, and what is in it.
type File = (&'static str, &'static str);

const SCRIPT: [File; 4] = [
    (
        "package.json",
        include_str!("template/project/package.json.txt"),
    ),
    (
        "tsconfig.json",
        include_str!("template/project/tsconfig.json.txt"),
    ),
    ("README.md", include_str!("template/project/README.md.txt")),
    (".gitignore", include_str!("template/project/gitignore.txt")),
];

const JAVASCRIPT: [File; 3] = [
    ("src/main.js", include_str!("template/project/main.js.txt")),
    (
        "src/greeting.js",
        include_str!("template/project/greeting.js.txt"),
    ),
    (
        "test/main.test.js",
        include_str!("template/project/main.test.txt"),
    ),
];

const TYPESCRIPT: [File; 3] = [
    ("src/main.ts", include_str!("template/project/main.ts.txt")),
    (
        "src/greeting.ts",
        include_str!("template/project/greeting.ts.txt"),
    ),
    (
        "test/main.test.ts",
        include_str!("template/project/main.test.txt"),
    ),
];

const PYTHON: [File; 6] = [
    ("main.py", include_str!("template/project/main.py.txt")),
    (
        "greeting.py",
        include_str!("template/project/greeting.py.txt"),
    ),
    (
        "test_main.py",
        include_str!("template/project/test_main.py.txt"),
    ),
    (
        "pyproject.toml",
        include_str!("template/project/pyproject.toml.txt"),
    ),
    (
        "README.md",
        include_str!("template/project/README.python.md.txt"),
    ),
    (
        ".gitignore",
        include_str!("template/project/gitignore.python.txt"),
    ),
];

/// Makes the project `name` in the folder `parent`, which is made if it is missing, in a
/// language. Blocks on the disk.
///
/// # Errors
/// When there is something of that name, or it cannot be written.
pub fn scaffold_project(
    parent: &Path,
    name: &str,
    language: Language,
) -> Result<Scaffolded, ScaffoldError> {
    check(name).map_err(|source| ScaffoldError::Name {
        name: name.to_owned(),
        source,
    })?;
    let (extension, more, tests, files): (_, _, _, Vec<File>) = match language {
        Language::Python => ("py", "", "", PYTHON.to_vec()),
        Language::JavaScript => ("js", "", "", [&SCRIPT[..], &JAVASCRIPT].concat()),
        Language::TypeScript | Language::Component => (
            "ts",
            ",\n    \"typescript\": \">=5.8\"",
            ", with Node 22.18 or newer, and `npx tsc` checks its types",
            [&SCRIPT[..], &TYPESCRIPT].concat(),
        ),
    };
    if let Some(other) = of_this_name(parent, name) {
        return Err(ScaffoldError::Exists(other));
    }
    let dir = parent.join(name);
    let unwritten = |source| ScaffoldError::Write {
        path: dir.clone(),
        source,
    };
    std::fs::create_dir_all(parent).map_err(unwritten)?;
    match std::fs::create_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(ScaffoldError::Exists(dir));
        }
        made => made.map_err(unwritten)?,
    }
    let fill = || {
        // What makes a project of the folder is written last: a node that watches it sees all.
        for (file, template) in files.iter().rev() {
            let content = template
                .replace("{name}", name)
                .replace("{extension}", extension)
                .replace("{more}", more)
                .replace("{tests}", tests);
            let path = dir.join(file);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, content)?;
        }
        match language {
            Language::Python => Ok(()),
            _ => keep_package(parent),
        }
    };
    if let Err(source) = fill() {
        // The error that is reported is the one that led here.
        let _ = std::fs::remove_dir_all(&dir);
        return Err(ScaffoldError::Write { path: dir, source });
    }
    Ok(Scaffolded {
        name: name.to_owned(),
        dir,
        files: files.iter().map(|(file, _)| *file).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authoring::project::Project;

    #[test]
    fn a_project_is_made_whole_and_once() {
        let root = tempfile::tempdir().unwrap();
        let plugins = root.path().join("plugins");
        for (language, name) in [
            (Language::JavaScript, "first"),
            (Language::TypeScript, "second"),
            (Language::Python, "third"),
        ] {
            let made = scaffold_project(&plugins, name, language).unwrap();
            for file in &made.files {
                let text = std::fs::read_to_string(made.dir.join(file)).unwrap();
                for place in ["{name}", "{extension}", "{more}", "{tests}"] {
                    assert!(!text.contains(place), "{file}: {place}");
                }
            }
            if language != Language::Python {
                Project::open(&made.dir).unwrap();
            }
            let again = scaffold_project(&plugins, name, language);
            assert!(matches!(again, Err(ScaffoldError::Exists(_))));
            std::fs::write(root.path().join("cart.wasm"), "").unwrap();
            let beside = scaffold_project(root.path(), "cart", language);
            let is_there = |other: &Path| other.ends_with("cart.wasm");
            assert!(matches!(beside, Err(ScaffoldError::Exists(other)) if is_there(&other)));
        }
        assert!(plugins.join(".hearken/npm/testing/index.js").is_file());
        let bad = scaffold_project(&plugins, "a b", Language::JavaScript);
        assert!(matches!(bad, Err(ScaffoldError::Name { .. })));
    }
}
