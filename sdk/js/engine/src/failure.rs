//! From what a text throws to what the node is told.

use rquickjs::{Ctx, Error, Object, Value};

use crate::options;

/// Lines of a trace that are told: what is called and by whom, not a whole recursion.
const MAX_FRAMES: usize = 16;

/// Errors that are told as the causes of another.
const MAX_CAUSES: usize = 4;

/// Bytes of a message, of a name and of a frame that are told: the node keeps no more.
const MAX_TEXT: usize = 4 << 10;

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
    let stack = object.get::<_, Option<String>>("stack").ok().flatten();
    for frame in frames(stack.as_deref().unwrap_or_default()).take(MAX_FRAMES) {
        told.push_str("\n    ");
        told.push_str(cut(frame));
    }
    let cause = object.get::<_, Value<'_>>("cause").ok();
    if let (Some(cause), Some(left)) = (cause, causes.checked_sub(1))
        && !cause.is_undefined()
    {
        told.push_str("\ncaused by ");
        told.push_str(&self::told(&cause, left));
    }
    told
}

fn headline(error: &Object<'_>) -> String {
    let text = |name: &str| error.get::<_, Option<String>>(name).ok().flatten();
    let name = text("name").unwrap_or_else(|| "Error".to_owned());
    match text("message").filter(|message| !message.is_empty()) {
        Some(message) => format!("{}: {}", cut(&name), cut(&message)),
        None => cut(&name).to_owned(),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or_default()
}

fn told_of_no_error(value: &Value<'_>) -> String {
    if value.is_null() {
        // Where no memory is left for an error, this is thrown in its place.
        return "InternalError: out of memory, or null was thrown".to_owned();
    }
    if let Some(text) = value.as_string() {
        return text.to_string().map_or_else(
            |_| "a text that is not valid".to_owned(),
            |text| cut(&text).to_owned(),
        );
    }
    let ctx = value.ctx();
    let written = ctx.json_stringify(value.clone());
    if written.is_err() {
        // What cannot be written is named by its type.
        ctx.catch();
    }
    let written = written
        .ok()
        .flatten()
        .and_then(|text| text.to_string().ok());
    written.map_or_else(
        || value.type_name().to_owned(),
        |text| cut(&text).to_owned(),
    )
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
    let is_retry = object.get::<_, Option<String>>("name").ok().flatten()? == "Retry";
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
