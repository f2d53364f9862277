//! Which other texts a text imports, found without understanding it: whatever looks like the
//! name of one is, if there is such a file. One too many costs a reload too many; one too few
//! is not possible in code that names what it imports.

use super::language::Language;

/// Longest name of an imported text, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The relative names that a text mentions: `./_util.ts`, `../_util.ts`; of Python the names
/// of modules.
#[must_use]
pub fn imported(language: Language, text: &str) -> Vec<&str> {
    match language {
        Language::Component => Vec::new(),
        Language::JavaScript | Language::TypeScript => relative_strings(text),
        Language::Python => modules(text),
    }
}

/// String literals that begin with `./` or `../`.
fn relative_strings(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, quote) in text.match_indices(['"', '\'', '`']) {
        let rest = &text[at + quote.len()..];
        if !rest.starts_with("./") && !rest.starts_with("../") {
            continue;
        }
        let Some(end) = rest.find([quote.chars().next().unwrap_or('"'), '\n']) else {
            continue;
        };
        let name = &rest[..end];
        if rest[end..].starts_with(quote) && name.len() <= MAX_NAME_BYTES && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

/// Names behind `import` and `from`.
fn modules(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        let Some(names) = line
            .strip_prefix("import ")
            .or_else(|| line.strip_prefix("from "))
        else {
            continue;
        };
        // Of `from . import a, b` the names are behind the second word, else before it.
        let siblings = names
            .split_once(" import ")
            .filter(|(from, _)| line.starts_with("from ") && from.trim().chars().all(|c| c == '.'));
        let (names, most) = match siblings {
            Some((_, names)) => (names, usize::MAX),
            None if line.starts_with("from ") => (names, 1),
            None => (names, usize::MAX),
        };
        for name in names.split(',').take(most) {
            let name = name.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')');
            let name = name.split_whitespace().next().unwrap_or_default();
            let name = name.trim_start_matches('.');
            if is_module(name) && name.len() <= MAX_NAME_BYTES && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Whether it names a module of Python that is one text.
fn is_module(name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_of_names)
}

/// The names of the texts that `name` may mean in the text `importer`, relative to the
/// plugins folder: the first that exists is it. None lies outside the folder, or is a plugin
/// of its own.
#[must_use]
pub fn resolve(importer: &str, name: &str, language: Language) -> Vec<String> {
    let folder = importer.rsplit_once('/').map(|(folder, _)| folder);
    if language == Language::Python {
        if !is_module(name) {
            return Vec::new();
        }
        let inside = folder.map(|folder| format!("{folder}/{name}.py"));
        let shared = name.starts_with('_').then(|| format!("{name}.py"));
        return inside.into_iter().chain(shared).collect();
    }
    let (folder, file) = match (folder, name.strip_prefix("../"), name.strip_prefix("./")) {
        (Some(_), Some(file), _) => (None, file),
        (folder, None, Some(file)) => (folder, file),
        _ => return Vec::new(),
    };
    if file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.') {
        return Vec::new();
    }
    // What lies beside plugins and has no `_` is a plugin itself.
    if folder.is_none() && !file.starts_with('_') {
        return Vec::new();
    }
    let placed = |file: &str| match folder {
        Some(folder) => format!("{folder}/{file}"),
        None => file.to_owned(),
    };
    let named = Language::of_name(file).filter(|language| language.is_text());
    // `_util.js` is what TypeScript calls the `_util.ts` that it is made of.
    let stem = match named {
        Some(_) => file.rsplit_once('.').map_or(file, |(stem, _)| stem),
        None => file,
    };
    let others = ["js", "mjs", "ts", "mts"].map(|extension| format!("{stem}.{extension}"));
    let others = others.iter().map(String::as_str);
    let as_written = named.map(|_| file).into_iter();
    let all = as_written.chain(others.filter(|other| *other != file));
    all.map(placed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_looks_like_an_import_is_found() {
        let text = "import { a } from './_a.ts';\nimport \"../_b.js\"\nconst c = require(`./_c`);\n\
                    // './_commented.ts'\nconst no = './unclosed\nimport x from 'hearken'; './_a.ts'";
        assert_eq!(
            imported(Language::TypeScript, text),
            ["./_a.ts", "../_b.js", "./_c", "./_commented.ts"]
        );
        let text =
            "import _a, json\n  from _b import x, y\nfrom . import z, _y as q\nimportant = 1\n";
        let found = ["_a", "json", "_b", "z", "_y"];
        assert_eq!(imported(Language::Python, text), found);
    }

    #[test]
    fn nothing_outside_the_folder_and_no_plugin_is_imported() {
        let of = |importer: &str, name: &str| resolve(importer, name, Language::TypeScript);
        let first = |importer: &str, name: &str| of(importer, name).swap_remove(0);
        assert_eq!(first("a.ts", "./_util.ts"), "_util.ts");
        assert_eq!(of("a.ts", "./_util")[2], "_util.ts");
        let by_another_ending = ["_util.js", "_util.mjs", "_util.ts", "_util.mts"];
        assert_eq!(of("a.ts", "./_util.js"), by_another_ending);
        assert_eq!(first("a/main.ts", "./cart.ts"), "a/cart.ts");
        assert_eq!(first("a/main.ts", "../_util.ts"), "_util.ts");
        for (importer, name) in [
            ("a.ts", "../_util.ts"),
            ("a.ts", "./b.ts"),
            ("a.ts", "./b/_c.ts"),
            ("a/main.ts", "../b.ts"),
            ("a/main.ts", "../../_x.ts"),
            ("a/main.ts", "./../b.ts"),
            ("a.ts", "./"),
        ] {
            assert_eq!(of(importer, name), [""; 0], "{importer} {name}");
        }
        let python = |importer: &str, name: &str| resolve(importer, name, Language::Python);
        assert_eq!(python("a.py", "_util"), ["_util.py"]);
        assert_eq!(python("a.py", "json"), [""; 0]);
        assert_eq!(python("a/main.py", "cart"), ["a/cart.py"]);
        assert_eq!(python("a/main.py", "../../_x"), [""; 0]);
    }
}
