//! Makes the context of an instance and evaluates the text.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::{CatchResultExt as _, Context, Ctx, Error, Module, Object, Result, Runtime, Value};

use crate::bindings::hearken::engine::script;
use crate::failure::{self, Failure};
use crate::memory::LibraryMemory;
use crate::modules::{HEARKEN, Names, Reader, place_of_import};
use crate::text::Text;
use crate::{ahead, api, compat, drive, progress, registry, text, values, web};

/// What the text's calls may have of the stack at most. It lies in the instance's memory, where
/// the linker leaves it 1 MiB, of which the engine's own functions need some.
const MAX_STACK: u32 = 704 << 10;

/// Bytes of a page of memory.
const PAGE: usize = 64 << 10;

/// What the text may have at least, in bytes, lest nothing runs in it.
const MIN_MEMORY: usize = 1 << 20;

/// Lines of an error at the start that are said: as many as the node keeps of last words.
const MAX_LINES: usize = 4;

struct Instance {
    context: Context,
}

thread_local! {
    static INSTANCE: OnceCell<Instance> = const { OnceCell::new() };
    /// Bytes of memory that are in use before the text is evaluated.
    static USED: Cell<usize> = const { Cell::new(0) };
}

/// Evaluates the text, unless that is done; what is wrong with it are the last words of the
/// instance.
pub(crate) fn ensure() {
    if INSTANCE.with(|instance| instance.get().is_some()) {
        if ahead::goes_on() {
            go_on();
        }
        return;
    }
    progress::show();
    ahead::begin();
    let made = make();
    let instance = made.unwrap_or_else(|failure| give_up(&failure.reason));
    INSTANCE.with(|set| {
        if set.set(instance).is_err() {
            give_up("the instance has been started before");
        }
    });
}

/// Goes on with an instance that was made ahead, within the bounds of this one.
fn go_on() {
    progress::show_again();
    let settings = script::settings();
    INSTANCE.with(|instance| {
        if let Some(instance) = instance.get() {
            set_bounds(instance.context.runtime(), &settings);
        }
    });
    if let Err(why) = ahead::go_on() {
        give_up(&why);
    }
}

/// Has QuickJS keep within what an instance may have, and its calls within what a node takes.
fn set_bounds(runtime: &Runtime, settings: &script::Options) {
    if let Some(memory) = memory_limit(settings.memory) {
        runtime.set_memory_limit(memory);
    }
    // To QuickJS nothing would mean that there is no bound.
    let stack = Some(settings.stack).filter(|stack| *stack > 0);
    runtime.set_max_stack_size(stack.map_or(MAX_STACK, |stack| stack.min(MAX_STACK)) as usize);
    text::ask_for_bounds();
}

/// Runs something in the context.
pub(crate) fn with<R>(run: impl for<'js> FnOnce(&Ctx<'js>) -> R) -> R {
    INSTANCE.with(|instance| {
        let Some(instance) = instance.get() else {
            give_up("the instance has not been started");
        };
        instance.context.with(|ctx| run(&ctx))
    })
}

/// Ends the instance.
pub(crate) fn give_up(why: &str) -> ! {
    let lines: Vec<&str> = why.lines().take(MAX_LINES).collect();
    eprintln!("{}", lines.join("\n"));
    core::arch::wasm32::unreachable()
}

fn make() -> std::result::Result<Instance, Failure> {
    let found = |error: Error| Failure::found(error.to_string());
    let settings = script::settings();
    let texts = script::texts();
    let Some((entry, _)) = texts.first() else {
        return Err(Failure::found("the node has handed over no text"));
    };
    let entry = entry.clone();
    let texts: Rc<HashMap<String, String>> = Rc::new(texts.into_iter().collect());

    let runtime = Runtime::new_with_alloc(LibraryMemory).map_err(found)?;
    // What is in use before the text is evaluated is in use wherever it goes on.
    USED.set(core::arch::wasm32::memory_size(0).saturating_mul(PAGE));
    set_bounds(&runtime, &settings);
    runtime.set_loader(Names(Rc::clone(&texts)), Reader(Rc::clone(&texts)));
    runtime.set_host_promise_rejection_tracker(Some(Box::new(drive::track_rejection)));
    runtime.set_interrupt_handler(Some(Box::new(progress::is_interrupted)));
    let context = Context::full(&runtime).map_err(found)?;
    context.with(|ctx| {
        let mut installed = values::keep_errors(&ctx).and_then(|()| web::install(&ctx));
        if ahead::is_ahead() {
            installed = installed.and_then(|()| ahead::replace_random(&ctx));
        }
        installed.map_err(|error| failure::caught(&ctx, &error))?;
        match settings.compat.as_str() {
            "" => evaluate(&ctx, &entry, &texts),
            "enonic" => {
                let evaluated = compat::enonic(&ctx, &entry, &texts);
                let evaluated = evaluated.map(|()| Value::new_undefined(ctx.clone()));
                drive::to_the_end(&ctx, &entry, evaluated)?;
                finish(&entry, String::new())
            }
            other => Err(Failure::found(format!(
                "this engine knows no `compat = \"{other}\"`"
            ))),
        }
    })?;
    Ok(Instance { context })
}

/// What the text may have of the memory that the instance may have, in bytes: what is not in use
/// yet, less an eighth for frames and for what the allocator cannot use.
fn memory_limit(all: u64) -> Option<usize> {
    if all == 0 {
        return None;
    }
    let used = USED.get();
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    let left = all.saturating_sub(used);
    Some((left - left / 8).max(MIN_MEMORY))
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
