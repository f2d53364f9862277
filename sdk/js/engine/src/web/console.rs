//! `console`: lines of the node's log under the plugin's name.

use rquickjs::function::Rest;
use rquickjs::{Ctx, Function, Object, Persistent, Result, Value};
use std::cell::RefCell;

use super::script;
use crate::bindings::wasi::logging::logging::{self, Level};

/// Bytes of a message that are handed to the node, which keeps fewer. Handing over more than it
/// takes of any call would end the instance.
const MAX_MESSAGE: usize = 16 << 10;

/// Writes a line to the node's log.
pub(crate) fn say(level: Level, message: &str) {
    let end = message.floor_char_boundary(MAX_MESSAGE);
    logging::log(level, "", message.get(..end).unwrap_or_default());
}

thread_local! {
    /// Writes any values as one text; made when it is first needed.
    static FORMAT: RefCell<Option<Persistent<Function<'static>>>> = const { RefCell::new(None) };
}

/// Adds it to the global object.
pub(super) fn install(ctx: &Ctx<'_>) -> Result<()> {
    let console = levels(ctx)?;
    for name in ["log", "dir", "table"] {
        console.set(name, logs(ctx, Level::Info)?.with_name(name)?)?;
    }
    // Rarely used, and so made of the others when they are.
    let rest: Function<'_> = script(ctx, "hearken:console", include_str!("console.js"))?;
    let more: Value<'_> = rest.call((console.clone(),))?;
    drop(more);
    ctx.globals().set("console", console)
}

/// An object with a function for each level, as `log` of the module `hearken` is.
pub(crate) fn levels<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for (name, level) in [
        ("trace", Level::Trace),
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
    ] {
        object.set(name, logs(ctx, level)?.with_name(name)?)?;
    }
    Ok(object)
}

fn logs<'js>(ctx: &Ctx<'js>, level: Level) -> Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, values: Rest<Value<'js>>| -> Result<()> {
            let text = format(&ctx, values.0)?;
            say(level, &text);
            Ok(())
        },
    )
}

/// What is logged of values: a text as it is, others as an author reads them.
fn format<'js>(ctx: &Ctx<'js>, values: Vec<Value<'js>>) -> Result<String> {
    let is_plain = |value: &Value<'js>| {
        value.as_string().is_some() || value.as_int().is_some() || value.as_bool().is_some()
    };
    let first = values
        .first()
        .and_then(Value::as_string)
        .map(|text| text.to_string());
    let has_places = first.transpose()?.is_some_and(|text| text.contains('%'));
    if values.iter().all(is_plain) && !has_places {
        let mut text = String::new();
        for value in &values {
            if !text.is_empty() {
                text.push(' ');
            }
            if let Some(string) = value.as_string() {
                text.push_str(&string.to_string()?);
            } else if let Some(number) = value.as_int() {
                text.push_str(&number.to_string());
            } else if let Some(is) = value.as_bool() {
                text.push_str(if is { "true" } else { "false" });
            }
        }
        return Ok(text);
    }
    let known = FORMAT.with_borrow(Option::clone);
    let format = match known {
        Some(format) => format.restore(ctx)?,
        None => {
            let format: Function<'js> = script(ctx, "hearken:inspect", include_str!("inspect.js"))?;
            FORMAT.set(Some(Persistent::save(ctx, format.clone())));
            format
        }
    };
    format.call((values,))
}
