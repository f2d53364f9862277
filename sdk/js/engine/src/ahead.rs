//! Evaluating a text ahead: the instance as it is then is what others begin with, on other nodes
//! and at other times. So nothing may get into it that is this node's or this moment's; what must
//! differ is made anew where it goes on, by [`moment`](crate::moment).

use std::cell::{Cell, RefCell};

use rquickjs::{Ctx, Result};

use crate::bindings::hearken::engine::script;
use crate::bindings::wasi::config::store;
use crate::values;

/// What of the configuration was asked for.
enum Asked {
    /// One key, and what it has.
    Key(String, Option<String>),
    /// All of it.
    All(Vec<(String, String)>),
}

thread_local! {
    static IS_AHEAD: Cell<bool> = const { Cell::new(false) };
    static ASKED: RefCell<Vec<Asked>> = const { RefCell::new(Vec::new()) };
}

/// Finds out whether the text is evaluated ahead.
pub(crate) fn begin() -> bool {
    let prepares = script::prepares();
    IS_AHEAD.set(prepares);
    prepares
}

/// Whether the instance was made ahead and goes on from now.
pub(crate) fn goes_on() -> bool {
    IS_AHEAD.get() && !script::prepares()
}

/// Whether the text is evaluated ahead.
pub(crate) fn is_ahead() -> bool {
    IS_AHEAD.get()
}

/// Throws if the text is evaluated ahead, where there is no such thing.
pub(crate) fn check_here(ctx: &Ctx<'_>, function: &str) -> Result<()> {
    if !is_ahead() {
        return Ok(());
    }
    let message = format!(
        "{function} is for handlers here: a snapshot is made once, and what is at the top of the \
         file is the same in each instance that begins with it"
    );
    Err(values::throw(ctx, "Error", &message))
}

/// Remembers what a key of the configuration was, if that is to be the same where it goes on.
pub(crate) fn asked(key: &str, value: Option<&str>) {
    if is_ahead() {
        let asked = Asked::Key(key.to_owned(), value.map(str::to_owned));
        ASKED.with_borrow_mut(|all| all.push(asked));
    }
}

/// Remembers what the whole configuration was.
pub(crate) fn asked_for_all(all: &[(String, String)]) {
    if is_ahead() {
        ASKED.with_borrow_mut(|asked| asked.push(Asked::All(sorted(all.to_vec()))));
    }
}

fn sorted(mut all: Vec<(String, String)>) -> Vec<(String, String)> {
    all.sort();
    all
}

/// Goes on where what the text was told of the configuration is so.
///
/// # Errors
/// What the text was told that is not so here.
pub(crate) fn go_on() -> std::result::Result<(), String> {
    IS_AHEAD.set(false);
    for asked in ASKED.take() {
        match asked {
            Asked::Key(key, before) => {
                let now = store::get(&key).ok().flatten();
                if now != before {
                    return Err(differs(&key, before, now));
                }
            }
            Asked::All(before) => {
                let now = sorted(store::get_all().unwrap_or_default());
                if now != before {
                    return Err(told("the configuration is not what it was"));
                }
            }
        }
    }
    Ok(())
}

fn differs(key: &str, before: Option<String>, now: Option<String>) -> String {
    let shown =
        |value: Option<String>| value.map_or("not there".to_owned(), |it| format!("{it:?}"));
    told(&format!(
        "`{key}` of the configuration was {} then, and is {} here",
        shown(before),
        shown(now)
    ))
}

fn told(what: &str) -> String {
    format!(
        "the snapshot cannot be used: {what}; build it anew with this configuration, or ask for \
         it in a handler"
    )
}
