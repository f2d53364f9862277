//! Texts and bytes on their way out of the instance. What a text of the author's has of half
//! characters is replaced, as the web does; what is longer than the node takes with one call, by
//! which the instance would die, is an error of the author's instead.
#![expect(
    unsafe_code,
    reason = "the binding's own function trusts what is not UTF-8"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;

use rquickjs::{Atom, Ctx, Error, FromAtom, FromJs, Result, String as JsString, Value, qjs};

use crate::bindings::hearken::engine::script;
use crate::values;

/// Longest name, key, pattern or address, in bytes.
const MAX_NAME_BYTES: usize = 64 << 10;

/// What one call may hand over beside data: names, and what a list takes for its entries.
const SLACK_BYTES: usize = 256 << 10;

/// What an entry of a list takes beside its content, in bytes.
const ENTRY_BYTES: usize = 64;

thread_local! {
    static MAX_DATA_BYTES: Cell<usize> = const { Cell::new(SLACK_BYTES) };
}

/// Asks the node how much it takes with one call.
pub(crate) fn ask_for_bounds() {
    let bytes = usize::try_from(script::call_bytes()).unwrap_or(usize::MAX);
    MAX_DATA_BYTES.set(bytes.saturating_sub(SLACK_BYTES));
}

/// A name, key, pattern or address that a function of the engine is given.
pub(crate) struct Text(pub(crate) String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let Some(text) = value.as_string() else {
            return Err(Error::new_from_js(value.type_name(), "string"));
        };
        name(ctx, text).map(Self)
    }
}

impl<'js> FromAtom<'js> for Text {
    fn from_atom(atom: Atom<'js>) -> Result<Self> {
        let text = atom.to_js_string()?;
        name(text.ctx(), &text).map(Self)
    }
}

/// A name, key, pattern or address.
///
/// # Errors
/// Throws a `RangeError` if no such is as long.
pub(crate) fn name<'js>(ctx: &Ctx<'js>, text: &JsString<'js>) -> Result<String> {
    read(text, |bytes| match bytes.len() {
        0..=MAX_NAME_BYTES => Ok(well_formed(bytes)),
        bytes => Err(too_long(ctx, "the text", bytes, MAX_NAME_BYTES)),
    })?
}

/// A text that is data, in UTF-8.
///
/// # Errors
/// Throws a `RangeError` if the node does not take as much.
pub(crate) fn data<'js>(ctx: &Ctx<'js>, text: &JsString<'js>) -> Result<Vec<u8>> {
    read(text, |bytes| {
        check(ctx, bytes.len())?;
        Ok(well_formed(bytes).into_bytes())
    })?
}

/// The first bytes of a text, for who reads what is told or logged.
pub(crate) fn beginning(text: &JsString<'_>, most: usize) -> String {
    let read = read(text, |bytes| {
        let mut beginning = well_formed(bytes.get(..most).unwrap_or(bytes));
        if bytes.len() > most {
            // The last character may have been cut through.
            beginning.truncate(beginning.trim_end_matches('\u{fffd}').len());
            beginning.push('…');
        }
        beginning
    });
    read.unwrap_or_else(|_| {
        text.ctx().catch();
        "a text that is too long for the memory that is left".to_owned()
    })
}

/// Checks data of so many bytes.
///
/// # Errors
/// Throws a `RangeError` if the node does not take as much with one call.
pub(crate) fn check(ctx: &Ctx<'_>, bytes: usize) -> Result<()> {
    let most = MAX_DATA_BYTES.get();
    if bytes <= most {
        return Ok(());
    }
    Err(too_long(ctx, "the data", bytes, most))
}

/// Checks the entries of a list, by the bytes of each.
///
/// # Errors
/// Throws a `RangeError` if the node does not take as much with one call.
pub(crate) fn check_all(ctx: &Ctx<'_>, entries: impl Iterator<Item = usize>) -> Result<()> {
    let sum = entries.fold(0_usize, |sum, bytes| {
        sum.saturating_add(bytes).saturating_add(ENTRY_BYTES)
    });
    check(ctx, sum)
}

fn too_long(ctx: &Ctx<'_>, what: &str, bytes: usize, most: usize) -> Error {
    let message = format!("{what} has {bytes} bytes, of which one call takes at most {most}");
    values::throw(ctx, "RangeError", &message)
}

/// Lets a text be read as bytes: UTF-8, but for halves of characters.
fn read<R>(text: &JsString<'_>, read: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let ctx = text.ctx().as_raw().as_ptr();
    let mut bytes = MaybeUninit::uninit();
    // SAFETY: both are of the same context, which is in use; what is returned is given back below.
    let begin = unsafe { qjs::JS_ToCStringLen(ctx, bytes.as_mut_ptr(), text.as_raw()) };
    if begin.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: there are as many bytes as was said, until they are given back.
    let result = unsafe {
        read(std::slice::from_raw_parts(
            begin.cast(),
            bytes.assume_init(),
        ))
    };
    // SAFETY: it is what was returned.
    unsafe { qjs::JS_FreeCString(ctx, begin) };
    Ok(result)
}

/// Bytes as UTF-8, with a mark for each half of a character.
fn well_formed(bytes: &[u8]) -> String {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // What follows the first byte of one is no mark of its own.
        if chunk.invalid().first().is_some_and(|first| *first >= 0xc0) {
            text.push('\u{fffd}');
        }
    }
    text
}
