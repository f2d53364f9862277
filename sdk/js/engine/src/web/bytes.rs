//! What pieces need of bytes.

use rquickjs::convert::List;
use rquickjs::{Ctx, Exception, Function, Object, Result, String as JsString, TypedArray, Value};
use wasip2::random::random::get_random_bytes;

use crate::{ahead, values};

/// Random bytes that are given with one call, as browsers have it.
const MAX_RANDOM: u32 = 65_536;

/// The functions.
pub(super) fn native<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("encode", Function::new(ctx.clone(), encode)?)?;
    native.set("decode", Function::new(ctx.clone(), decode)?)?;
    native.set("random", Function::new(ctx.clone(), random)?)?;
    Ok(native)
}

/// A text as UTF-8.
fn encode<'js>(ctx: Ctx<'js>, text: JsString<'js>) -> Result<TypedArray<'js, u8>> {
    let text = text.to_string()?;
    TypedArray::new(ctx, text.into_bytes())
}

/// UTF-8 as a text; `null` if it is none and `is_fatal`. With `is_more` what is cut off at the
/// end is left: as many bytes as the second of the pair says.
fn decode<'js>(
    ctx: Ctx<'js>,
    bytes: Object<'js>,
    is_fatal: bool,
    is_more: bool,
) -> Result<List<(Value<'js>, usize)>> {
    let bytes = values::bytes_of(&bytes);
    let bytes = bytes.ok_or_else(|| Exception::throw_type(&ctx, "there are no bytes"))?;
    let mut whole = bytes.as_slice();
    let mut left = 0;
    if is_more
        && let Err(error) = str::from_utf8(whole)
        && let Some(tail) = last_cut_off(whole)
    {
        let _ = error;
        left = whole.len() - tail;
        whole = &whole[..tail];
    }
    let text = match str::from_utf8(whole) {
        Err(_) if is_fatal => return Ok(List((Value::new_null(ctx), 0))),
        Ok(text) => JsString::from_str(ctx, text)?,
        Err(_) => JsString::from_str(ctx, &String::from_utf8_lossy(whole))?,
    };
    Ok(List((text.into_value(), left)))
}

/// Where a character begins that the end cuts off.
fn last_cut_off(bytes: &[u8]) -> Option<usize> {
    let chunk = bytes.utf8_chunks().last()?;
    let invalid = chunk.invalid();
    let at = bytes.len() - invalid.len();
    let is_cut_off = !invalid.is_empty()
        && str::from_utf8(&bytes[at..]).is_err_and(|error| error.error_len().is_none());
    is_cut_off.then_some(at)
}

fn random<'js>(ctx: Ctx<'js>, bytes: u32) -> Result<TypedArray<'js, u8>> {
    if bytes > MAX_RANDOM {
        let message = format!("at most {MAX_RANDOM} bytes can be had at once");
        return Err(values::throw(&ctx, "RangeError", &message));
    }
    ahead::check_here(&ctx, "crypto")?;
    TypedArray::new(ctx, get_random_bytes(u64::from(bytes)))
}
