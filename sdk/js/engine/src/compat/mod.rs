//! Texts that were written for another runtime.

use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::context::EvalOptions;
use rquickjs::{Ctx, Function, Object, Result, Value};

use crate::api;
use crate::web::script;

/// Evaluates a listener script of Enonic XP.
pub(crate) fn enonic(
    ctx: &Ctx<'_>,
    entry: &str,
    texts: &Rc<HashMap<String, String>>,
) -> Result<()> {
    let native = api::of_scripts(ctx)?;
    native.set("entry", entry)?;
    let of_name = Rc::clone(texts);
    let text = move |name: String| of_name.get(&name).cloned();
    native.set("text", Function::new(ctx.clone(), text)?)?;
    native.set("wrap", Function::new(ctx.clone(), wrap)?)?;
    let run: Function<'_> = script(ctx, "hearken:enonic", include_str!("enonic.js"))?;
    run.call::<_, Value<'_>>((native,)).map(|_| ())
}

/// The function that a module of CommonJS is, whose lines are those of its text.
fn wrap<'js>(ctx: Ctx<'js>, name: String, text: String) -> Result<Object<'js>> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name);
    let wrapped = format!("(function(log, require, resolve, __, exports, module) {{{text}\n}})");
    ctx.eval_with_options(wrapped, options)
}
