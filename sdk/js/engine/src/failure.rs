//! From what a text throws to what the node is told.

use rquickjs::{Ctx, Error, Object, Value};

use crate::web::console;
use crate::{options, text};

/// Lines of a trace that are told: what is called and by whom, not a whole recursion.
const MAX_FRAMES: usize = 16;

/// Longest message, trace or thrown value that is told, in bytes.
const MAX_TOLD_BYTES: usize = 8 << 10;

/// Errors of one `AggregateError` that are told.
const MAX_ERRORS: usize = 4;

/// Errors that are told as the causes of another.
const MAX_CAUSES: usize = 4;

/// Why a listener has not handled an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What was thrown, and under it the places, each as `at NAME (FILE:LINE:COLUMN)`.
    pub reason: String,
    /// Whether another attempt would be in vain.
    pub rejected: bool,
    /// How many milliseconds are to pass before the next attempt, if it says so.
    pub after: Option<u64>,
}

impl Failure {
    /// One that the engine finds itself.
    pub(crate) fn found(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            rejected: false,
            after: None,
        }
    }

    /// What several failures of one event are together, of which there is at least one: it
    /// is rejected if nobody would try it again.
    pub(crate) fn all(failures: &[(String, Self)]) -> Self {
        let reasons: Vec<String> = failures
            .iter()
            .map(|(listener, failure)| format!("{listener}: {}", failure.reason))
            .collect();
        Self {
            reason: reasons.join("\n"),
            rejected: failures.iter().all(|(_, failure)| failure.rejected),
            after: failures
                .iter()
                .filter_map(|(_, failure)| failure.after)
                .max(),
        }
    }
}

/// What was thrown, which is taken out of the context.
pub(crate) fn caught(ctx: &Ctx<'_>, error: &Error) -> Failure {
    match error {
        Error::Exception => thrown(&ctx.catch()),
        error => Failure::found(error.to_string()),
    }
}

/// What a value means that was thrown.
pub(crate) fn thrown(value: &Value<'_>) -> Failure {
    Failure {
        reason: told(value, MAX_CAUSES),
        rejected: rejects(value, MAX_CAUSES),
        after: after(value),
    }
}

fn told(value: &Value<'_>, causes: usize) -> String {
    let Some(object) = value.as_object().filter(|object| object.is_error()) else {
        return told_of_no_error(value);
    };
    let mut told = headline(object);
    for frame in frames(&text_of(object, "stack").unwrap_or_default()).take(MAX_FRAMES) {
        told.push_str("\n    ");
        told.push_str(frame);
    }
    let cause = object.get::<_, Value<'_>>("cause").ok();
    if let (Some(cause), Some(left)) = (cause, causes.checked_sub(1))
        && !cause.is_undefined()
    {
        told.push_str("\ncaused by ");
        told.push_str(&self::told(&cause, left));
    }
    let errors = object.get::<_, Value<'_>>("errors").ok();
    let errors = errors.as_ref().and_then(Value::as_array);
    if let (Some(errors), Some(left)) = (errors, causes.checked_sub(1)) {
        for error in errors.iter::<Value<'_>>().take(MAX_ERRORS).flatten() {
            told.push_str("\none of which is ");
            told.push_str(&self::told(&error, left));
        }
    }
    told
}

fn headline(error: &Object<'_>) -> String {
    let text = |name: &str| text_of(error, name);
    let name = text("name").unwrap_or_else(|| "Error".to_owned());
    match text("message").filter(|message| !message.is_empty()) {
        Some(message) => format!("{name}: {message}"),
        None => name,
    }
}

/// A property that is a text; none if it is something else, or cannot be had.
fn text_of(object: &Object<'_>, name: &str) -> Option<String> {
    let value = object.get::<_, Value<'_>>(name);
    if value.is_err() {
        object.ctx().catch();
    }
    let value = value.ok()?;
    Some(text::beginning(value.as_string()?, MAX_TOLD_BYTES))
}

fn told_of_no_error(value: &Value<'_>) -> String {
    if value.is_null() {
        // Where no memory is left for an error, this is thrown in its place.
        return "InternalError: out of memory, or null was thrown".to_owned();
    }
    match value.as_string() {
        Some(text) => text::beginning(text, MAX_TOLD_BYTES),
        None => console::shown(value.ctx(), vec![value.clone()]),
    }
}

/// Those of a stack that are the author's.
fn frames(stack: &str) -> impl Iterator<Item = &str> {
    let frames = stack.lines().map(str::trim);
    frames.filter(|frame| {
        let is_ours = frame.contains("(hearken:") || frame.contains("at hearken:");
        frame.starts_with("at ") && !is_ours && !frame.ends_with("(native)")
    })
}

/// The innermost place of a stack that is the author's, as `FILE:LINE`.
pub(crate) fn place(stack: &str) -> Option<String> {
    let frame = frames(stack).next()?;
    let place = frame
        .rsplit_once('(')
        .map_or(frame.strip_prefix("at ")?, |(_, place)| place);
    let place = place.trim_end_matches(')');
    // Without the column.
    let (place, _) = place.rsplit_once(':')?;
    Some(place.to_owned())
}

/// When a `Retry` is to be tried again, in milliseconds.
fn after(value: &Value<'_>) -> Option<u64> {
    let object = value.as_object().filter(|object| object.is_error())?;
    let is_retry = text_of(object, "name")? == "Retry";
    let after: Value<'_> = object.get("after").ok().filter(|_| is_retry)?;
    options::milliseconds(&after)
}

/// Whether it is a `Reject`, or came of one.
fn rejects(value: &Value<'_>, causes: usize) -> bool {
    let Some(object) = value.as_object().filter(|object| object.is_error()) else {
        return false;
    };
    if object
        .get::<_, Value<'_>>("rejects")
        .is_ok_and(|rejects| rejects.as_bool() == Some(true))
    {
        return true;
    }
    let Some(left) = causes.checked_sub(1) else {
        return false;
    };
    object
        .get::<_, Value<'_>>("cause")
        .is_ok_and(|cause| rejects(&cause, left))
}
