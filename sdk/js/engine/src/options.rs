//! Objects by which a text says what it wants beyond the usual.

use rquickjs::{Ctx, FromJs, Object, Result, Value};

use crate::text::{self, Text};
use crate::values;

/// The options of a call.
pub(crate) struct Options<'js> {
    ctx: Ctx<'js>,
    function: &'static str,
    object: Option<Object<'js>>,
}

impl<'js> Options<'js> {
    /// Takes what was handed over as options, if anything was.
    ///
    /// # Errors
    /// Throws a `TypeError` when it is no object, or names an option that is none.
    pub(crate) fn take(
        ctx: &Ctx<'js>,
        function: &'static str,
        value: Option<&Value<'js>>,
        known: &[&str],
    ) -> Result<Self> {
        let object = match value.filter(|value| !value.is_undefined() && !value.is_null()) {
            None => None,
            Some(value) => match value.as_object() {
                Some(object) if !value.is_function() && !value.is_array() => Some(object.clone()),
                _ => {
                    let known = known.join(", ");
                    let message = format!(
                        "{function}: options are an object with {known}, not {}",
                        values::shown(value)
                    );
                    return Err(values::throw(ctx, "TypeError", &message));
                }
            },
        };
        if let Some(object) = &object {
            for name in object.keys::<Text>() {
                let Text(name) = name?;
                if !known.contains(&name.as_str()) {
                    let known = known.join(", ");
                    let message =
                        format!("{function}: there is no option `{name}`; there are {known}");
                    return Err(values::throw(ctx, "TypeError", &message));
                }
            }
        }
        Ok(Self {
            ctx: ctx.clone(),
            function,
            object,
        })
    }

    /// An option as it is; `None` if it is absent, `undefined` or `null`.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value<'js>>> {
        let value = self.given(name)?;
        Ok(value.filter(|value| !value.is_null()))
    }

    /// An option that may be `null`, which is something else than its absence.
    pub(crate) fn given(&self, name: &str) -> Result<Option<Value<'js>>> {
        let Some(object) = &self.object else {
            return Ok(None);
        };
        let value: Value<'js> = object.get(name)?;
        Ok(Some(value).filter(|value| !value.is_undefined()))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        match value.as_string() {
            Some(text) => text::name(&self.ctx, text).map(Some),
            None => Err(self.not(name, "a string", &value)),
        }
    }

    /// An object with any names.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Object<'js>>> {
        self.typed(name, "an object")
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "true or false")
    }

    /// A whole number from 0.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        let number = value.as_number().and_then(values::whole);
        number
            .map(Some)
            .ok_or_else(|| self.not(name, "a whole number", &value))
    }

    /// A time: a `Date`, or RFC 3339.
    pub(crate) fn time(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        if let Some(text) = value.as_string() {
            return text::name(&self.ctx, text).map(Some);
        }
        let iso = value.as_object().and_then(|object| {
            let write: rquickjs::Function<'js> = object.get("toISOString").ok()?;
            Some(write.call::<_, Text>((rquickjs::function::This(object.clone()),)))
        });
        iso.transpose()?
            .map(|Text(iso)| Some(iso))
            .ok_or_else(|| self.not(name, "a Date or RFC 3339", &value))
    }

    /// A span of time in milliseconds: a number of them, or a text such as `2s`.
    pub(crate) fn milliseconds(&self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        let milliseconds = milliseconds(&value);
        let expected = "milliseconds, or a time such as \"2s\" or \"500ms\"";
        milliseconds
            .map(Some)
            .ok_or_else(|| self.not(name, expected, &value))
    }

    fn typed<T: FromJs<'js>>(&self, name: &str, expected: &str) -> Result<Option<T>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        let typed = T::from_js(&self.ctx, value.clone());
        typed
            .map(Some)
            .map_err(|_| self.not(name, expected, &value))
    }

    fn not(&self, name: &str, expected: &str, value: &Value<'js>) -> rquickjs::Error {
        let message = format!(
            "{}: the option `{name}` is {expected}, not {}",
            self.function,
            values::shown(value)
        );
        values::throw(&self.ctx, "TypeError", &message)
    }
}

/// Longest text that is read as a span of time, in bytes.
const MAX_SPAN_BYTES: usize = 64;

/// A number of milliseconds, or a text such as `2s`.
pub(crate) fn milliseconds(value: &Value<'_>) -> Option<u64> {
    match value.as_string() {
        Some(text) => span(&text::beginning(text, MAX_SPAN_BYTES)),
        None => value
            .as_number()
            .and_then(|number| values::whole(number.ceil())),
    }
}

/// Reads a span of time, such as `2s`, `1.5m` or `500ms`, in milliseconds.
fn span(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    values::whole((number * factor).ceil())
}
