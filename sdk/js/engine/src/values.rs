//! Values of the text, and what they are outside.

use std::cell::RefCell;

use rquickjs::function::Constructor;
use rquickjs::object::Property;
use rquickjs::{
    ArrayBuffer, Ctx, Error, IntoJs, Object, Persistent, Result, Type, TypedArray, Value, qjs,
};

use crate::text;

/// The global classes of errors that the engine throws.
const ERRORS: [&str; 4] = ["Error", "RangeError", "SyntaxError", "TypeError"];

thread_local! {
    /// [`ERRORS`] as they were before the text, which may put something else in their places.
    static CLASSES: RefCell<Vec<(&'static str, Persistent<Constructor<'static>>)>> = const {
        RefCell::new(Vec::new())
    };
}

/// Keeps the classes of errors as they are before the text.
pub(crate) fn keep_errors(ctx: &Ctx<'_>) -> Result<()> {
    for name in ERRORS {
        let class: Constructor<'_> = ctx.globals().get(name)?;
        let class = Persistent::save(ctx, class);
        CLASSES.with_borrow_mut(|classes| classes.push((name, class)));
    }
    Ok(())
}

/// Largest whole number that a text's numbers tell from its neighbours.
pub(crate) const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A number as the text has it.
#[expect(clippy::cast_precision_loss, reason = "numbers of JavaScript are such")]
pub(crate) fn number(number: u64) -> f64 {
    number as f64
}

/// A whole number that is not below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is checked"
)]
pub(crate) fn whole(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (0.0..=MAX_SAFE_INTEGER).contains(&number);
    is_whole.then_some(number as u64)
}

/// Milliseconds since the Unix epoch in RFC 3339.
pub(crate) fn rfc3339(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their odd day at the end.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

/// Bytes in base64, as JSON carries them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            let is_there = digit <= chunk.len();
            text.push(if is_there {
                char::from(DIGITS[index as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// Whether data of a media type is JSON.
fn is_json(media_type: &str) -> bool {
    let media_type = essence(media_type);
    media_type.is_empty() || media_type == "application/json" || media_type.ends_with("+json")
}

/// Whether it is text.
fn is_text(media_type: &str) -> bool {
    let media_type = essence(media_type);
    media_type.starts_with("text/") || media_type.ends_with("/xml") || media_type.ends_with("+xml")
}

fn essence(media_type: &str) -> String {
    let (essence, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    essence.trim().to_ascii_lowercase()
}

/// Data as the text sees it: what JSON says, a text, or bytes.
pub(crate) fn of_data<'js>(ctx: &Ctx<'js>, media_type: &str, data: &[u8]) -> Result<Value<'js>> {
    if is_json(media_type) {
        return ctx.json_parse(data);
    }
    if is_text(media_type)
        && let Ok(text) = str::from_utf8(data)
    {
        return text.into_js(ctx);
    }
    TypedArray::<u8>::new_copy(ctx.clone(), data).map(TypedArray::into_value)
}

/// What JSON says, or the bytes where it is none; nothing of nothing.
pub(crate) fn of_client_data<'js>(ctx: &Ctx<'js>, data: &[u8]) -> Result<Value<'js>> {
    if data.is_empty() {
        return Ok(Value::new_undefined(ctx.clone()));
    }
    match ctx.json_parse(data) {
        Err(Error::Exception) => {
            ctx.catch();
            TypedArray::<u8>::new_copy(ctx.clone(), data).map(TypedArray::into_value)
        }
        parsed => parsed,
    }
}

/// Data that a text hands over, and its media type where that is not JSON.
pub(crate) fn to_data<'js>(
    ctx: &Ctx<'js>,
    value: Option<&Value<'js>>,
    media_type: Option<&str>,
) -> Result<(Option<Vec<u8>>, Option<String>)> {
    let given = media_type.map(str::to_owned);
    let Some(value) = value.filter(|value| !value.is_undefined()) else {
        return Ok((None, given));
    };
    if let Some(bytes) = value.as_object().and_then(bytes_of) {
        text::check(ctx, bytes.len())?;
        let media_type = given.unwrap_or_else(|| "application/octet-stream".to_owned());
        return Ok((Some(bytes), Some(media_type)));
    }
    if let (Some(text), Some(media_type)) = (value.as_string(), media_type)
        && !is_json(media_type)
    {
        return Ok((Some(text::data(ctx, text)?), given));
    }
    Ok((Some(to_json(ctx, value)?), given))
}

/// Sets a property of an object to which others have given the name: `__proto__` is one like
/// any other.
pub(crate) fn define<'js>(object: &Object<'js>, name: &str, value: impl IntoJs<'js>) -> Result<()> {
    let value = value.into_js(object.ctx())?;
    let property = Property::from(value).writable().configurable().enumerable();
    object.prop(name, property)
}

/// A value as JSON.
pub(crate) fn to_json<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Vec<u8>> {
    match ctx.json_stringify(value.clone())? {
        Some(text) => text::data(ctx, &text).map(without_halves),
        None => Err(throw(
            ctx,
            "TypeError",
            &format!("{} cannot be written as JSON", shown(value)),
        )),
    }
}

/// A value as data that is kept or handed on: bytes as they are, all else as JSON.
pub(crate) fn data_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Vec<u8>> {
    match value.as_object().and_then(bytes_of) {
        Some(bytes) => text::check(ctx, bytes.len()).map(|()| bytes),
        None => to_json(ctx, value),
    }
}

/// JSON with a mark for each half of a character, which others do not read: what is written as
/// `\ud…` is nothing else, since whole characters are written as they are.
fn without_halves(mut json: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(found) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        let escape = at + found;
        if json.get(escape + 1..escape + 3) == Some(b"ud")
            && let Some(digits) = json.get_mut(escape + 2..escape + 6)
        {
            digits.copy_from_slice(b"fffd");
        }
        // Behind what is escaped, which may be a backslash.
        at = escape + 2;
    }
    json
}

/// The bytes that an object is, if it is an `ArrayBuffer` or an array or view of one.
#[expect(unsafe_code, reason = "the bytes are copied before anything else runs")]
pub(crate) fn bytes_of(object: &Object<'_>) -> Option<Vec<u8>> {
    if let Some(array) = object.as_typed_array::<u8>() {
        // SAFETY: nothing of the text runs before the copy is made.
        return unsafe { array.as_bytes().map(<[u8]>::to_vec) };
    }
    // SAFETY: the value is one of the context, which is in use.
    let is_view = unsafe {
        let raw = object.as_raw();
        qjs::JS_GetTypedArrayType(raw) >= 0 || qjs::JS_IsDataView(raw)
    };
    if !is_view {
        let buffer = ArrayBuffer::from_object(object.clone())?;
        // SAFETY: as above.
        return unsafe { buffer.as_bytes().map(<[u8]>::to_vec) };
    }
    let place = |name: &str| object.get::<_, f64>(name).ok().and_then(whole);
    let (from, length) = (place("byteOffset")?, place("byteLength")?);
    let (from, length) = (usize::try_from(from).ok()?, usize::try_from(length).ok()?);
    let buffer = ArrayBuffer::from_object(object.get("buffer").ok()?)?;
    // SAFETY: as above.
    let bytes = unsafe { buffer.as_bytes()? };
    bytes
        .get(from..from.checked_add(length)?)
        .map(<[u8]>::to_vec)
}

/// Longest text of the author's that is quoted, in bytes.
const MAX_QUOTED_BYTES: usize = 80;

/// A text as errors quote it.
pub(crate) fn quoted(text: &str) -> String {
    let mut end = text.len().min(MAX_QUOTED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < text.len() { "…" } else { "" };
    format!("`{}{more}`", text.get(..end).unwrap_or_default())
}

/// A value as errors name one that is not what was expected.
pub(crate) fn shown(value: &Value<'_>) -> String {
    let what = match value.type_of() {
        Type::Undefined | Type::Uninitialized => "undefined",
        Type::Null => "null",
        Type::Bool => return value.as_bool().unwrap_or_default().to_string(),
        Type::Int | Type::Float => {
            let number = value.as_number().unwrap_or(f64::NAN);
            return format!("the number {number}");
        }
        Type::String => {
            let text = value.as_string();
            let text = text.map(|text| text::beginning(text, MAX_QUOTED_BYTES));
            return format!("\"{}\"", text.unwrap_or_default());
        }
        Type::Symbol => "a symbol",
        Type::BigInt => "a BigInt",
        Type::Array => "an array",
        Type::Function | Type::Constructor => "a function",
        Type::Promise => "a promise, which is to be awaited",
        Type::Exception => "an error",
        _ => "an object",
    };
    what.to_owned()
}

/// A new error of one of [`ERRORS`], with the place where it was made. The text may have a say in
/// how that is written down (`Error.prepareStackTrace`), so nothing may be borrowed meanwhile
/// that its functions use.
pub(crate) fn error<'js>(ctx: &Ctx<'js>, class: &str, message: &str) -> Result<Object<'js>> {
    let kept = CLASSES.with_borrow(|classes| {
        let found = classes.iter().find(|(name, _)| *name == class);
        found.map(|(_, class)| class.clone())
    });
    let kept = kept.ok_or_else(|| Error::new_loading(class))?;
    kept.restore(ctx)?.construct((message,))
}

/// Throws an error of one of the global classes.
pub(crate) fn throw(ctx: &Ctx<'_>, class: &str, message: &str) -> Error {
    match error(ctx, class, message) {
        Ok(error) => ctx.throw(error.into_value()),
        Err(error) => error,
    }
}

/// Throws an error that says by `code` what it is, and by `name` of what.
pub(crate) fn throw_coded(ctx: &Ctx<'_>, name: &str, code: &str, message: &str) -> Error {
    let made = error(ctx, "Error", message).and_then(|error| {
        error.set("name", name)?;
        error.set("code", code)?;
        Ok(error)
    });
    match made {
        Ok(error) => ctx.throw(error.into_value()),
        Err(error) => error,
    }
}

/// Throws an error that rejects the event.
pub(crate) fn throw_rejecting(ctx: &Ctx<'_>, message: &str) -> Error {
    let made = error(ctx, "Error", message).and_then(|error| {
        error.set("name", "Reject")?;
        error.set("rejects", true)?;
        Ok(error)
    });
    match made {
        Ok(error) => ctx.throw(error.into_value()),
        Err(error) => error,
    }
}
