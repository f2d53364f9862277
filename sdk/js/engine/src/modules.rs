//! What a text's imports are: the module `hearken`, and other texts of the plugins folder.

use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result};

use crate::api::Hearken;
use crate::values;

/// The name of the module that the engine brings.
const HEARKEN: &str = "hearken";

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
        if name == HEARKEN {
            return Module::declare_def::<Hearken, _>(ctx.clone(), name);
        }
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
    found.ok_or_else(|| {
        "there is no such file; one that plugins share is called `_NAME.js` or `_NAME.ts`, in the \
         plugins folder"
            .to_owned()
    })
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

/// Line and column, from 1, at which a text imports something of this name.
pub(crate) fn place_of(text: &str, name: &str) -> Option<(usize, usize)> {
    let quoted = ["\"", "'"].map(|quote| format!("{quote}{name}{quote}"));
    text.lines().enumerate().find_map(|(line, content)| {
        let at = quoted.iter().find_map(|quoted| content.find(quoted))?;
        Some((line + 1, content.get(..at)?.chars().count() + 1))
    })
}
