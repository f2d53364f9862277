//! `listen` and `sessionHooks`: what a text registers while it is evaluated.

use hearken_pattern::Pattern;
use rquickjs::function::Opt;
use rquickjs::{Ctx, Error, Function, Persistent, Result, Value};

use crate::options::Options;
use crate::registry::{self, Delivery, Hooks, Listener, QUESTIONS, StartingPoint};
use crate::text::{self, Text};
use crate::{failure, values};

/// `listen(pattern, options?, handler)`.
pub(super) fn listen<'js>(
    ctx: Ctx<'js>,
    pattern: Value<'js>,
    second: Opt<Value<'js>>,
    third: Opt<Value<'js>>,
) -> Result<()> {
    check_open(&ctx, "listen")?;
    let (options, handler) = match (second.0, third.0) {
        (Some(options), Some(handler)) => (Some(options), handler),
        (Some(handler), None) => (None, handler),
        (None, _) => return Err(throw(&ctx, "listen takes a pattern and a function")),
    };
    let Some(handler) = handler.into_function() else {
        return Err(throw(
            &ctx,
            "listen: the last of what it takes is the function that is called",
        ));
    };
    let known = ["subject", "localOnly", "channel", "live", "from"];
    let options = Options::take(&ctx, "listen", options.as_ref(), &known)?;
    let patterns = patterns(&ctx, &pattern)?;
    let channel = options.text("channel")?;
    // Several channels at once have no order and no place in them.
    let one = channel.as_ref().filter(|name| !name.contains('*'));
    let is_live = options.flag("live")?.unwrap_or(false) || one.is_none();
    let from = starting_point(&ctx, &options)?;
    if is_live && from.is_some() {
        return Err(throw(
            &ctx,
            "listen: `from` is for listeners with one `channel` that are not `live`",
        ));
    }
    let delivery = if is_live {
        Delivery::Live
    } else {
        Delivery::Channel(from)
    };
    let listener = Listener {
        name: name_of(&ctx, &handler)?,
        patterns,
        subject: options.text("subject")?,
        channel,
        delivery,
        local_only: options.flag("localOnly")?.unwrap_or(false),
        handler: Persistent::save(&ctx, handler),
    };
    registry::add(listener).map_err(|why| throw(&ctx, &why))
}

/// `sessionHooks(namespaces?, hooks)`.
pub(super) fn session_hooks<'js>(
    ctx: Ctx<'js>,
    first: Value<'js>,
    second: Opt<Value<'js>>,
) -> Result<()> {
    check_open(&ctx, "sessionHooks")?;
    let (namespaces, hooks) = match second.0 {
        Some(hooks) => (texts(&ctx, &first)?, hooks),
        None => (Some(Vec::new()), first),
    };
    let Some(namespaces) = namespaces else {
        return Err(throw(
            &ctx,
            "sessionHooks takes a namespace or an array of them, and an object with functions",
        ));
    };
    let options = Options::take(&ctx, "sessionHooks", Some(&hooks), &QUESTIONS)?;
    let mut set = Hooks {
        namespaces,
        ..Hooks::default()
    };
    for (name, answer) in QUESTIONS.iter().zip(&mut set.answers) {
        let Some(value) = options.value(name)? else {
            continue;
        };
        let Some(function) = value.into_function() else {
            return Err(throw(
                &ctx,
                &format!("sessionHooks: `{name}` is a function"),
            ));
        };
        *answer = Some(Persistent::save(&ctx, function));
    }
    if set.answers.iter().all(Option::is_none) {
        return Err(throw(
            &ctx,
            &format!("sessionHooks: answer one of {}", QUESTIONS.join(", ")),
        ));
    }
    registry::set_hooks(set).map_err(|why| throw(&ctx, &why))
}

fn throw(ctx: &Ctx<'_>, message: &str) -> Error {
    values::throw(ctx, "TypeError", message)
}

fn check_open(ctx: &Ctx<'_>, function: &str) -> Result<()> {
    if registry::is_evaluated() {
        let message = format!("{function} is for the top of the file, not for handlers");
        return Err(values::throw(ctx, "Error", &message));
    }
    Ok(())
}

/// A text, or several.
fn texts<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Option<Vec<String>>> {
    if let Some(text) = value.as_string() {
        return text::name(ctx, text).map(|text| Some(vec![text]));
    }
    let Some(array) = value.as_array() else {
        return Ok(None);
    };
    let texts = array.iter::<Text>().map(|text| text.map(|text| text.0));
    texts.collect::<Result<_>>().map(Some)
}

fn patterns<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Vec<(String, Pattern)>> {
    let Some(texts) = texts(ctx, value)?.filter(|texts| !texts.is_empty()) else {
        return Err(throw(
            ctx,
            "listen: the pattern is a text such as \"custom.cart.*\", or an array of them",
        ));
    };
    let compiled = texts.into_iter().map(|text| {
        let pattern = Pattern::new(&text);
        let pattern = pattern.map_err(|error| {
            throw(
                ctx,
                &format!(
                    "listen: the pattern {} is not valid: {error}",
                    values::quoted(&text)
                ),
            )
        })?;
        Ok((text, pattern))
    });
    compiled.collect()
}

fn starting_point<'js>(ctx: &Ctx<'js>, options: &Options<'js>) -> Result<Option<StartingPoint>> {
    let Some(value) = options.value("from")? else {
        return Ok(None);
    };
    if let Some(after) = value.as_number().and_then(values::whole) {
        return Ok(Some(StartingPoint::After(after)));
    }
    let text = value.as_string().map(|text| text::name(ctx, text));
    match text.transpose()?.as_deref() {
        Some("first") => Ok(Some(StartingPoint::First)),
        Some("new") => Ok(Some(StartingPoint::New)),
        _ => Err(throw(
            ctx,
            "listen: `from` is \"first\", \"new\" or the number of an event",
        )),
    }
}

/// Longest name of a listener, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The function's own name, or the place where it is registered.
fn name_of(ctx: &Ctx<'_>, handler: &Function<'_>) -> Result<String> {
    let name = handler.get::<_, Value<'_>>("name")?;
    let name = name
        .as_string()
        .map(|name| text::beginning(name, MAX_NAME_BYTES));
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        return Ok(name);
    }
    let here = values::error(ctx, "Error", "")?;
    let stack = here.get::<_, Option<String>>("stack")?.unwrap_or_default();
    Ok(failure::place(&stack).unwrap_or_else(|| "listener".to_owned()))
}
