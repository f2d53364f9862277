//! Evaluates the text of an instance.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::{CatchResultExt as _, Context, Ctx, Module, Object, Result, Value};

use crate::beginning::{self, MAX_STACK};
use crate::bindings::hearken::engine::script;
use crate::failure::{self, Failure};
use crate::modules::{HEARKEN, Names, Reader, place_of_import};
use crate::text::Text;
use crate::{ahead, api, compat, drive, moment, progress, registry, text, values};

/// Lines of an error at the start that are said: as many as the node keeps of last words.
const MAX_LINES: usize = 4;

thread_local! {
    static CONTEXT: OnceCell<Context> = const { OnceCell::new() };
}

/// Evaluates the text, unless that is done; what is wrong with it are the last words of the
/// instance. Where the engine itself is prepared there is no text, and nothing to begin with
/// but the context.
pub(crate) fn ensure() {
    let made = CONTEXT.with(|context| match context.get() {
        Some(_) => Ok(()),
        None => beginning::make().map(|made| drop(context.set(made))),
    });
    let started = made.and_then(|()| match registry::is_evaluated() {
        true if ahead::goes_on() => go_on(),
        true => Ok(()),
        false => start(),
    });
    if let Err(failure) = started {
        give_up(&failure.reason);
    }
}

/// Evaluates the text in the context.
fn start() -> std::result::Result<(), Failure> {
    let is_ahead = ahead::begin();
    let texts = script::texts();
    let Some((entry, _)) = texts.first() else {
        return match is_ahead {
            true => Ok(()),
            false => Err(Failure::found("the node has handed over no text")),
        };
    };
    progress::show();
    let entry = entry.clone();
    let texts: Rc<HashMap<String, String>> = Rc::new(texts.into_iter().collect());
    let settings = script::settings();
    set_bounds(&settings);
    with_context(|context| {
        let (names, reader) = (Names(Rc::clone(&texts)), Reader(Rc::clone(&texts)));
        context.runtime().set_loader(names, reader);
    });
    with(|ctx| {
        moment::begin(ctx);
        match settings.compat.as_str() {
            "" => evaluate(ctx, &entry, &texts),
            "enonic" => {
                let evaluated = compat::enonic(ctx, &entry, &texts);
                let evaluated = evaluated.map(|()| Value::new_undefined(ctx.clone()));
                drive::to_the_end(ctx, &entry, evaluated)?;
                finish(&entry, String::new())
            }
            other => Err(Failure::found(format!(
                "this engine knows no `compat = \"{other}\"`"
            ))),
        }?;
        if is_ahead {
            // Others begin with this.
            ctx.run_gc();
            moment::settle(ctx);
        }
        Ok(())
    })
}

/// Goes on with an instance that has evaluated its text ahead, within the bounds of this one.
fn go_on() -> std::result::Result<(), Failure> {
    progress::show();
    set_bounds(&script::settings());
    with(moment::go_on);
    ahead::go_on().map_err(Failure::found)
}

/// Has QuickJS keep within what an instance may have, and its calls within what a node takes.
fn set_bounds(settings: &script::Options) {
    // To QuickJS nothing would mean that there is no bound.
    let stack = Some(settings.stack).filter(|stack| *stack > 0);
    let stack = stack.map_or(MAX_STACK, |stack| stack.min(MAX_STACK));
    with_context(|context| {
        let runtime = context.runtime();
        if let Some(memory) = beginning::memory_limit(settings.memory) {
            runtime.set_memory_limit(memory);
        }
        runtime.set_max_stack_size(stack as usize);
    });
    text::ask_for_bounds();
}

/// Runs something in the context.
pub(crate) fn with<R>(run: impl for<'js> FnOnce(&Ctx<'js>) -> R) -> R {
    with_context(|context| context.with(|ctx| run(&ctx)))
}

fn with_context<R>(run: impl FnOnce(&Context) -> R) -> R {
    CONTEXT.with(|context| {
        let Some(context) = context.get() else {
            give_up("the instance has not been started");
        };
        run(context)
    })
}

/// Ends the instance.
pub(crate) fn give_up(why: &str) -> ! {
    let lines: Vec<&str> = why.lines().take(MAX_LINES).collect();
    eprintln!("{}", lines.join("\n"));
    core::arch::wasm32::unreachable()
}

fn evaluate(
    ctx: &Ctx<'_>,
    entry: &str,
    texts: &HashMap<String, String>,
) -> std::result::Result<(), Failure> {
    let text = texts.get(entry).map(String::as_str).unwrap_or_default();
    let evaluated = Module::declare(ctx.clone(), entry, text).and_then(Module::eval);
    let (module, promise) = match evaluated {
        Ok((module, promise)) => (module, Ok(promise.into_value())),
        Err(error) => return Err(placed(failure::caught(ctx, &error), entry, texts)),
    };
    drive::to_the_end(ctx, entry, promise).map_err(advised)?;
    let namespace = module.namespace().catch(ctx);
    let namespace = namespace.map_err(|error| Failure::found(error.to_string()))?;
    finish(entry, version(&namespace))
}

/// What went wrong, and what to do about it where the text is a module of another kind.
fn advised(mut failure: Failure) -> Failure {
    let missing = |name: &str| format!("ReferenceError: {name} is not defined");
    let said = ["require", "module", "exports"].map(missing);
    if let Some(said) = said.iter().find(|said| failure.reason.starts_with(*said)) {
        let advice = "; a text is a module: `import { listen } from \"hearken\"`, and `export`";
        failure.reason.insert_str(said.len(), advice);
    }
    failure
}

/// What is wrong with an import, which comes without its place.
fn placed(failure: Failure, entry: &str, texts: &HashMap<String, String>) -> Failure {
    let message = &failure.reason;
    if message.contains("\n    at ") {
        return failure;
    }
    let module = message
        .rsplit_once("in module '")
        .map(|(_, module)| module.trim_end_matches('\''));
    let mut all: Vec<(&String, &String)> = texts.iter().collect();
    // The entry first, then by their names.
    all.sort_by_key(|(name, _)| (name.as_str() != entry, name.as_str()));
    let missing = message.split("export '").nth(1);
    let missing = missing.and_then(|rest| rest.split('\'').next());
    let found = module.and_then(|module| {
        all.into_iter().find_map(|(name, text)| {
            let place = place_of_import(texts, name, text, module, missing)?;
            Some((name, place))
        })
    });
    let there = match module {
        Some(HEARKEN) => format!(
            "; there are {}; a type is imported as `type NAME`",
            api::EXPORTS.join(", ")
        ),
        _ => String::new(),
    };
    match found {
        Some((name, (line, column))) => {
            Failure::found(format!("{message}{there}\n    at {name}:{line}:{column}"))
        }
        None => failure,
    }
}

/// Closes the registry, unless there is nothing in it.
fn finish(entry: &str, version: String) -> std::result::Result<(), Failure> {
    if registry::listeners().is_empty() && registry::hooks().is_none() {
        return Err(Failure::found(format!(
            "{entry} listens to nothing: call listen(\"custom.*\", (event) => {{}}) of \"hearken\"; \
             a file that plugins share has a name that begins with `_`\n    at {entry}:1:1"
        )));
    }
    registry::close(version);
    Ok(())
}

/// What the text exports as `version`; empty if it does not say.
fn version(namespace: &Object<'_>) -> String {
    let version = namespace.get::<_, Option<Text>>("version");
    version
        .ok()
        .flatten()
        .map_or_else(String::new, |text| text.0)
}

/// Throws unless the text has been evaluated: what it does may only be done for an event.
pub(crate) fn check_evaluated(ctx: &Ctx<'_>, function: &str) -> Result<()> {
    if registry::is_evaluated() {
        return Ok(());
    }
    let message = format!(
        "{function} is for handlers: what is at the top of the file runs whenever an instance \
         starts, before there is an event"
    );
    Err(values::throw(ctx, "Error", &message))
}
