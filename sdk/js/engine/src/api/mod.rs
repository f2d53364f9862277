//! The module `hearken` of a text: the words of the Rust SDK, as JavaScript has them.

mod channels;
mod listening;
mod publishing;
mod sessions;
mod settings;
mod storage;

use rquickjs::module::{Declarations, Exports, ModuleDef};
use rquickjs::{Ctx, Function, Object, Result, Value};

use crate::web::{console, script};

/// What the text can import from it.
pub(crate) const EXPORTS: [&str; 17] = [
    "listen",
    "send",
    "wait",
    "append",
    "read",
    "bounds",
    "bucket",
    "config",
    "secrets",
    "log",
    "sessions",
    "sessionHooks",
    "Retry",
    "Reject",
    "Refusal",
    "Disconnect",
    "Event",
];

pub(crate) use sessions::{grant, seconds};

/// What of it scripts of another runtime are given.
pub(crate) fn of_scripts<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("listen", Function::new(ctx.clone(), listening::listen)?)?;
    object.set("send", Function::new(ctx.clone(), publishing::send)?)?;
    object.set("config", settings::config(ctx)?)?;
    object.set("log", console::levels(ctx)?)?;
    Ok(object)
}

/// The module.
pub(crate) struct Hearken;

impl ModuleDef for Hearken {
    fn declare(declarations: &Declarations<'_>) -> Result<()> {
        for name in EXPORTS {
            declarations.declare(name)?;
        }
        Ok(())
    }

    fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> Result<()> {
        for (name, function) in [
            ("listen", Function::new(ctx.clone(), listening::listen)?),
            (
                "sessionHooks",
                Function::new(ctx.clone(), listening::session_hooks)?,
            ),
            ("send", Function::new(ctx.clone(), publishing::send)?),
            ("wait", Function::new(ctx.clone(), publishing::wait)?),
            ("append", Function::new(ctx.clone(), channels::append)?),
            ("read", Function::new(ctx.clone(), channels::read)?),
            ("bounds", Function::new(ctx.clone(), channels::bounds)?),
            ("bucket", Function::new(ctx.clone(), storage::bucket)?),
        ] {
            exports.export(name, function.with_name(name)?)?;
        }
        exports.export("config", settings::config(ctx)?)?;
        exports.export("secrets", settings::secrets(ctx)?)?;
        exports.export("log", console::levels(ctx)?)?;
        exports.export("sessions", sessions::sessions(ctx)?)?;
        let classes: Object<'js> = script(ctx, "hearken:errors", include_str!("prelude.js"))?;
        for name in ["Retry", "Reject", "Refusal", "Disconnect", "Event"] {
            exports.export(name, classes.get::<_, Value<'js>>(name)?)?;
        }
        Ok(())
    }
}
