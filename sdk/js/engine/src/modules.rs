//! What a text's imports are: the module `hearken`, and other texts of the plugins folder.

use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result};

use crate::values;

/// The name of the module that the engine brings, which is there before any text.
pub(crate) const HEARKEN: &str = "hearken";

/// What a file may end with whose import leaves that out, or says `.js` for `.ts`.
const ENDINGS: [&str; 4] = [".ts", ".js", ".mts", ".mjs"];

/// All texts, by name.
pub(crate) type Texts = Rc<HashMap<String, String>>;

/// Finds which text an import means.
pub(crate) struct Names(pub Texts);

/// Reads texts.
pub(crate) struct Reader(pub Texts);

impl Resolver for Names {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if name == HEARKEN {
            return Ok(name.to_owned());
        }
        find(&self.0, base, name).map_err(|why| self.refuse(ctx, base, name, &why))
    }
}

impl Names {
    /// Throws with the place of the import, which nobody else knows.
    fn refuse(&self, ctx: &Ctx<'_>, base: &str, name: &str, why: &str) -> Error {
        let message = format!("cannot import \"{name}\": {why}");
        let place = self.0.get(base).and_then(|text| place_of(text, name));
        let made = values::error(ctx, "SyntaxError", &message).and_then(|error| {
            if let Some((line, column)) = place {
                error.set("stack", format!("    at {base}:{line}:{column}\n"))?;
            }
            Ok(error)
        });
        match made {
            Ok(error) => ctx.throw(error.into_value()),
            Err(error) => error,
        }
    }
}

impl Loader for Reader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let text = self.0.get(name).ok_or_else(|| Error::new_loading(name))?;
        Module::declare(ctx.clone(), name, text.as_str())
    }
}

/// The text that an import means; the error says what to do.
fn find(
    texts: &HashMap<String, String>,
    base: &str,
    name: &str,
) -> std::result::Result<String, String> {
    if let Some(module) = name.strip_prefix("node:") {
        return Err(format!(
            "a plugin is no Node program and has no `{module}`; what it can do is in \"hearken\", \
             and fetch, URL, crypto and timers are global"
        ));
    }
    if !name.starts_with("./") && !name.starts_with("../") {
        return Err(
            "packages of npm are for projects, which are bundled with them: `hearken plugin new \
             NAME --project` makes one; another file of the plugins folder is imported as \
             \"./_NAME.js\""
                .to_owned(),
        );
    }
    let Some(path) = join(base, name) else {
        return Err("it lies outside of the plugins folder".to_owned());
    };
    if texts.contains_key(&path) {
        return Ok(path);
    }
    let stem = ENDINGS
        .iter()
        .find_map(|ending| path.strip_suffix(ending))
        .unwrap_or(&path);
    let found = ENDINGS
        .iter()
        .map(|ending| format!("{stem}{ending}"))
        .find(|path| texts.contains_key(path));
    found.ok_or_else(|| why_missing(base, &path))
}

/// Why what lies there, if it does, is no text of the plugin.
fn why_missing(base: &str, path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let own = base.rsplit_once('/').map_or("", |(own, _)| own);
    let ending = file.rsplit_once('.').map(|(_, ending)| ending);
    if ending.is_some_and(|ending| !["js", "mjs", "ts", "mts"].contains(&ending)) {
        return format!(
            "`.{}` is not imported; texts are called `.js`, `.mjs`, `.ts` or `.mts`",
            ending.unwrap_or_default()
        );
    }
    if !folder.is_empty() && folder != own {
        return "a plugin's texts lie beside each other, and those that plugins share in the \
                plugins folder; what is in other folders is bundled, e.g. by esbuild"
            .to_owned();
    }
    if folder.is_empty() && !file.starts_with('_') {
        return format!(
            "what plugins share has a name that begins with `_`, such as `_{file}`; without it a \
             file in the plugins folder is a plugin of its own"
        );
    }
    "there is no such file; one that plugins share is called `_NAME.js` or `_NAME.ts`, in the \
     plugins folder"
        .to_owned()
}

/// The path of a relative import, seen from the plugins folder.
fn join(base: &str, name: &str) -> Option<String> {
    let mut path: Vec<&str> = base.split('/').collect();
    path.pop();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                path.pop()?;
            }
            part => path.push(part),
        }
    }
    Some(path.join("/"))
}

/// Where the text `base` imports the module that is called `module`; rather where it names what
/// is `missing` there.
pub(crate) fn place_of_import(
    texts: &HashMap<String, String>,
    base: &str,
    text: &str,
    module: &str,
    missing: Option<&str>,
) -> Option<(usize, usize)> {
    let file = module.rsplit_once('/').map_or(module, |(_, file)| file);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let written = ["", "./", "../"].into_iter().flat_map(|from| {
        let endings = ["", ".js", ".mjs", ".ts", ".mts"];
        endings.map(|ending| format!("{from}{stem}{ending}"))
    });
    let is_it = |name: &String| {
        name == module || find(texts, base, name).is_ok_and(|found| found == module)
    };
    let written: Vec<String> = written.filter(is_it).collect();
    let named = missing.and_then(|missing| {
        let mut written = written.iter();
        written.find_map(|name| place_of_imported(text, name, missing))
    });
    named.or_else(|| written.iter().find_map(|name| place_of(text, name)))
}

/// Line and column, from 1, at which a text names what it imports from something of this name.
fn place_of_imported(text: &str, name: &str, imported: &str) -> Option<(usize, usize)> {
    let quoted = ["\"", "'"].map(|quote| format!("{quote}{name}{quote}"));
    let mut ends = quoted
        .iter()
        .flat_map(|quoted| text.match_indices(quoted.as_str()));
    let at = ends.find_map(|(end, _)| {
        let before = text.get(..end)?;
        let begins = ["import", "export"].map(|word| before.rfind(word));
        let begin = begins.into_iter().flatten().max()?;
        let statement = before.get(begin..)?;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let mut found = statement.match_indices(imported);
        let (at, _) = found.find(|(at, found)| {
            let (before, after) = (&statement[..*at], &statement[at + found.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        })?;
        Some(begin + at)
    })?;
    let before = &text[..at];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    Some((line, column))
}

/// Line and column, from 1, at which a text imports something of this name.
fn place_of(text: &str, name: &str) -> Option<(usize, usize)> {
    let quoted = ["\"", "'"].map(|quote| format!("{quote}{name}{quote}"));
    text.lines().enumerate().find_map(|(line, content)| {
        let at = quoted.iter().find_map(|quoted| content.find(quoted))?;
        Some((line + 1, content.get(..at)?.chars().count() + 1))
    })
}
