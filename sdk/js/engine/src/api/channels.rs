//! `append`, `read` and `bounds`.

use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Error, Object, Promise, Result, Value};

use super::publishing::{OUTGOING, event_of, object, outgoing, size_of, type_of};
use crate::bindings::hearken::plugin::{channels, types};
use crate::options::Options;
use crate::text::{self, Text};
use crate::{dispatch, drive, start, values};

/// Events that are read with one call unless the text says otherwise.
const USUAL_LIMIT: u64 = 100;

/// `append(channel, type, options?)`, or `append(channel, events, {expect}?)`: where it is stored.
pub(super) fn append<'js>(
    ctx: Ctx<'js>,
    Text(channel): Text,
    what: Value<'js>,
    options: Opt<Value<'js>>,
) -> Result<Promise<'js>> {
    let appended = try_append(&ctx, &channel, &what, options.0.as_ref());
    drive::settled(&ctx, appended)
}

fn try_append<'js>(
    ctx: &Ctx<'js>,
    channel: &str,
    what: &Value<'js>,
    options: Option<&Value<'js>>,
) -> Result<Value<'js>> {
    start::check_evaluated(ctx, "append")?;
    if let Some(batch) = what.as_array() {
        let options = Options::take(ctx, "append", options, &["expect"])?;
        let events = batch
            .iter::<Value<'js>>()
            .map(|event| of_batch(ctx, &event?));
        let events: Vec<types::OutgoingEvent> = events.collect::<Result<_>>()?;
        let stored = store(ctx, channel, &events, options.number("expect")?)?;
        let all = Array::new(ctx.clone())?;
        for (at, stored) in stored.iter().enumerate() {
            all.set(at, stored_at(ctx, stored)?)?;
        }
        return Ok(all.into_value());
    }
    let known: Vec<&str> = OUTGOING.into_iter().chain(["expect"]).collect();
    let options = Options::take(ctx, "append", options, &known)?;
    let event = outgoing(ctx, type_of(ctx, "append", what)?, &options)?;
    let stored = store(ctx, channel, &[event], options.number("expect")?)?;
    let stored = stored
        .first()
        .map(|stored| stored_at(ctx, stored))
        .transpose()?;
    Ok(stored.map_or_else(|| Value::new_undefined(ctx.clone()), Object::into_value))
}

fn of_batch<'js>(ctx: &Ctx<'js>, event: &Value<'js>) -> Result<types::OutgoingEvent> {
    let known: Vec<&str> = OUTGOING.into_iter().chain(["type"]).collect();
    let options = Options::take(ctx, "append", Some(event), &known)?;
    let event_type = options.value("type")?;
    let event_type = event_type.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
    outgoing(ctx, type_of(ctx, "append", &event_type)?, &options)
}

fn store(
    ctx: &Ctx<'_>,
    channel: &str,
    events: &[types::OutgoingEvent],
    expect: Option<u64>,
) -> Result<Vec<channels::Stored>> {
    text::check_all(ctx, events.iter().map(size_of))?;
    dispatch::begin_part();
    channels::append(channel, events, expect).map_err(|error| append_error(ctx, channel, error))
}

fn stored_at<'js>(ctx: &Ctx<'js>, stored: &channels::Stored) -> Result<Object<'js>> {
    let at = object(ctx)?;
    at.set("id", stored.id.as_str())?;
    at.set("sequence", values::number(stored.sequence))?;
    at.set("epoch", stored.epoch.as_str())?;
    at.set("time", values::rfc3339(stored.recorded_time))?;
    at.set("duplicate", stored.duplicate)?;
    Ok(at)
}

/// `read(channel, {after, limit}?)`: a page.
pub(super) fn read<'js>(
    ctx: Ctx<'js>,
    Text(channel): Text,
    options: Opt<Value<'js>>,
) -> Result<Promise<'js>> {
    let page = try_read(&ctx, &channel, options.0.as_ref()).map(Object::into_value);
    drive::settled(&ctx, page)
}

fn try_read<'js>(
    ctx: &Ctx<'js>,
    channel: &str,
    options: Option<&Value<'js>>,
) -> Result<Object<'js>> {
    start::check_evaluated(ctx, "read")?;
    let options = Options::take(ctx, "read", options, &["after", "limit"])?;
    let after = position(ctx, &options)?;
    let limit = options.number("limit")?.unwrap_or(USUAL_LIMIT);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let read = channels::read(channel, &after, limit);
    let read = read.map_err(|error| read_error(ctx, channel, error))?;
    let page = object(ctx)?;
    let events = Array::new(ctx.clone())?;
    for (at, event) in read.events.into_iter().enumerate() {
        events.set(at, event_of(ctx, event)?)?;
    }
    page.set("events", events)?;
    let next = object(ctx)?;
    next.set("epoch", read.epoch.as_str())?;
    next.set("sequence", values::number(read.next))?;
    page.set("next", next)?;
    page.set("last", values::number(read.last))?;
    page.set("epoch", read.epoch)?;
    if let Some(gap) = read.gap {
        page.set("gap", span(ctx, &gap)?)?;
    }
    Ok(page)
}

/// Behind a number, or a `next` of a page.
fn position(ctx: &Ctx<'_>, options: &Options<'_>) -> Result<channels::Position> {
    let wrong = || {
        let message = "read: the option `after` is the number of an event, or the `next` of a page";
        values::throw(ctx, "TypeError", message)
    };
    let Some(after) = options.value("after")? else {
        return Ok(channels::Position {
            epoch: None,
            sequence: 0,
        });
    };
    if let Some(sequence) = after.as_number() {
        let sequence = values::whole(sequence).ok_or_else(wrong)?;
        return Ok(channels::Position {
            epoch: None,
            sequence,
        });
    }
    let after = after.as_object().ok_or_else(wrong)?;
    let sequence: Option<f64> = after.get("sequence")?;
    Ok(channels::Position {
        epoch: after.get::<_, Option<Text>>("epoch")?.map(|text| text.0),
        sequence: sequence.and_then(values::whole).ok_or_else(wrong)?,
    })
}

/// `bounds(channel)`: how far it reaches.
pub(super) fn bounds<'js>(ctx: Ctx<'js>, Text(channel): Text) -> Result<Promise<'js>> {
    let bounds = channels::bounds(&channel).map_err(|error| read_error(&ctx, &channel, error));
    let bounds = bounds.and_then(|bounds| {
        let object = object(&ctx)?;
        object.set("epoch", bounds.epoch)?;
        object.set("first", values::number(bounds.first))?;
        object.set("last", values::number(bounds.last))?;
        Ok(object.into_value())
    });
    drive::settled(&ctx, bounds)
}

fn span<'js>(ctx: &Ctx<'js>, span: &types::Span) -> Result<Object<'js>> {
    let object = object(ctx)?;
    object.set("first", values::number(span.first))?;
    object.set("last", values::number(span.last))?;
    Ok(object)
}

fn numbers(spans: &[types::Span]) -> String {
    let spans: Vec<String> = spans
        .iter()
        .map(|span| match span.first == span.last {
            true => span.first.to_string(),
            false => format!("{} to {}", span.first, span.last),
        })
        .collect();
    spans.join(", ")
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Throws what says why the channel does not take events.
pub(super) fn append_error(ctx: &Ctx<'_>, channel: &str, error: types::AppendError) -> Error {
    use types::AppendError as Why;
    let not = |why: &str| format!("the events were not appended: {why}");
    let (code, message) = match &error {
        Why::NoChannel(nearest) => (
            "no-channel",
            format!(
                "there is no channel `{channel}`{}",
                meant(nearest.as_deref())
            ),
        ),
        Why::Denied(why) => ("denied", why.clone()),
        Why::Invalid(why) => ("invalid", not(why)),
        Why::Conflict(last) => (
            "conflict",
            format!("the last event of the channel has the number {last}, not the expected one"),
        ),
        Why::TooLarge(why) => ("too-large", not(why)),
        Why::Full(why) => ("full", not(why)),
        Why::Overloaded => (
            "overloaded",
            not("the node has too much to do; try again later"),
        ),
        Why::BudgetExceeded => (
            "budget-exceeded",
            not("the plugin's budget is used up; try again later"),
        ),
        Why::Damaged(spans) => (
            "damaged",
            not(&format!("the channel is damaged: {}", numbers(spans))),
        ),
        Why::StorageFailed(why) => ("storage-failed", not(why)),
        Why::NodeAway(why) => ("node-away", not(why)),
        Why::OutcomeUnknown(why) => ("outcome-unknown", why.clone()),
    };
    let thrown = values::throw_coded(ctx, "AppendError", code, &message);
    if let Why::Conflict(last) = error {
        // The text may go on from there.
        let value = ctx.catch();
        if let Some(object) = value.as_object() {
            let _ = object.set("last", values::number(last));
        }
        return ctx.throw(value);
    }
    thrown
}

fn read_error(ctx: &Ctx<'_>, channel: &str, error: channels::ReadError) -> Error {
    use channels::ReadError as Why;
    let not = |why: &str| format!("the channel was not read: {why}");
    let (code, message) = match error {
        Why::NoChannel(nearest) => (
            "no-channel",
            format!(
                "there is no channel `{channel}`{}",
                meant(nearest.as_deref())
            ),
        ),
        Why::Denied(why) => ("denied", why),
        Why::Invalid(why) => ("invalid", not(&why)),
        Why::AnotherLog(epoch) => (
            "another-log",
            format!("the position is one of another log than the channel's, `{epoch}`; begin anew"),
        ),
        Why::Damaged(spans) => (
            "damaged",
            format!(
                "the next events of the channel are damaged: {}",
                numbers(&spans)
            ),
        ),
        Why::StorageFailed(why) => ("storage-failed", not(&why)),
        Why::NodeAway(why) => ("node-away", not(&why)),
        Why::Overloaded => (
            "overloaded",
            not("the node has too much to do; try again later"),
        ),
        Why::BudgetExceeded => (
            "budget-exceeded",
            not("the plugin's budget is used up; try again later"),
        ),
    };
    values::throw_coded(ctx, "ReadError", code, &message)
}
