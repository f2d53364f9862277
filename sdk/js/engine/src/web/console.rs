//! `console`: lines of the node's log under the plugin's name.

use rquickjs::function::Rest;
use rquickjs::{Ctx, Function, Object, Persistent, Result, String as JsString, Value};
use std::cell::RefCell;

use super::script;
use crate::bindings::wasi::logging::logging::{self, Level};
use crate::text;

/// Longest text that is logged at once, in bytes.
const MAX_LOGGED_BYTES: usize = 32 << 10;

/// Writes a line of the engine's own to the node's log.
pub(crate) fn say(level: Level, message: &str) {
    let end = message.floor_char_boundary(MAX_LOGGED_BYTES);
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
            logging::log(level, "", &shown(&ctx, values.0));
            Ok(())
        },
    )
}

/// What is logged of values: a text as it is, others as an author reads them. Whatever they are,
/// who logs them goes on.
pub(crate) fn shown<'js>(ctx: &Ctx<'js>, values: Vec<Value<'js>>) -> String {
    format(ctx, values).unwrap_or_else(|_| {
        ctx.catch();
        "values that cannot be shown".to_owned()
    })
}

fn format<'js>(ctx: &Ctx<'js>, values: Vec<Value<'js>>) -> Result<String> {
    let is_plain = |value: &Value<'js>| {
        value.as_string().is_some() || value.as_int().is_some() || value.as_bool().is_some()
    };
    let first = values.first().and_then(Value::as_string);
    let has_places = values.len() > 1
        && first.is_some_and(|text| text::beginning(text, MAX_LOGGED_BYTES).contains('%'));
    if values.iter().all(is_plain) && !has_places {
        let mut line = String::new();
        for value in &values {
            if !line.is_empty() {
                line.push(' ');
            }
            if line.len() > MAX_LOGGED_BYTES {
                line.push('…');
                break;
            }
            if let Some(string) = value.as_string() {
                line.push_str(&text::beginning(string, MAX_LOGGED_BYTES));
            } else if let Some(number) = value.as_int() {
                line.push_str(&number.to_string());
            } else if let Some(is) = value.as_bool() {
                line.push_str(if is { "true" } else { "false" });
            }
        }
        return Ok(line);
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
    let text: JsString<'js> = format.call((values,))?;
    Ok(text::beginning(&text, MAX_LOGGED_BYTES))
}
