//! Patterns on event types, as manifests and the policy list them.

use super::form::{Form, Kind};
use crate::event::Pattern;

/// Most globs that the patterns of one list come to when their alternatives are multiplied
/// out; bounds what every event of a new type is compared with.
pub const MAX_GLOBS: usize = 256;

pub(super) const FEWER_PATTERNS: &str =
    "fewer or wider patterns, e.g. \"custom.cart.*\" instead of one for each type";

pub(super) const PATTERN: Form<Pattern> = Form::new(
    Kind::String,
    "a pattern on event types, e.g. \"custom.cart.*\"",
    |text| Pattern::new(text).map_err(|error| error.to_string()),
);

/// Whether a plugin may have so many globs; the error says how many it may.
pub(crate) fn within_max_globs(globs: usize) -> Result<(), String> {
    if globs <= MAX_GLOBS {
        return Ok(());
    }
    Err(format!(
        "its patterns come to {globs} with their alternatives multiplied out; a plugin may have {MAX_GLOBS}"
    ))
}
