//! `send` and `wait`.

use rquickjs::function::Opt;
use rquickjs::{Coerced, Ctx, Error, Object, Promise, Result, String as JsString, Value};
use wasip2::io::poll::Pollable;

use super::channels::append_error;
use crate::bindings::hearken::plugin::{events, types, waiting};
use crate::drive::{self, Operation};
use crate::event::{Delivered, EventObject};
use crate::options::Options;
use crate::text::{self, Text};
use crate::{dispatch, start, values};

/// How long a text waits that does not say how long, in milliseconds.
const USUAL_WAIT: u64 = 2_000;

/// What an event that goes out may have.
pub(super) const OUTGOING: [&str; 8] = [
    "subject",
    "data",
    "distributed",
    "channel",
    "id",
    "time",
    "datacontenttype",
    "extensions",
];

/// `send(type, options?)`: the event's id.
pub(super) fn send<'js>(
    ctx: Ctx<'js>,
    event_type: Value<'js>,
    options: Opt<Value<'js>>,
) -> Result<String> {
    start::check_evaluated(&ctx, "send")?;
    let options = Options::take(&ctx, "send", options.0.as_ref(), &OUTGOING)?;
    let event = outgoing(&ctx, type_of(&ctx, "send", &event_type)?, &options)?;
    text::check_all(&ctx, std::iter::once(size_of(&event)))?;
    if event.channel.is_some() {
        dispatch::begin_part();
    }
    events::send(&event).map_err(|error| match error {
        events::SendError::Invalid(why) => {
            throw(&ctx, "invalid", &format!("the event was not sent: {why}"))
        }
        events::SendError::TooLarge(limit) => throw(
            &ctx,
            "too-large",
            &format!("the event was not sent: it is larger than the node's limit of {limit} bytes"),
        ),
        events::SendError::BudgetExceeded => throw(
            &ctx,
            "budget-exceeded",
            "the event was not sent: the plugin's budget is used up; try again later",
        ),
        events::SendError::Channel(error) => {
            append_error(&ctx, event.channel.as_deref().unwrap_or_default(), error)
        }
    })
}

fn throw(ctx: &Ctx<'_>, code: &str, message: &str) -> Error {
    values::throw_coded(ctx, "SendError", code, message)
}

/// The type of an event that goes out.
pub(super) fn type_of<'js>(ctx: &Ctx<'js>, function: &str, value: &Value<'js>) -> Result<String> {
    if let Some(text) = value.as_string() {
        return text::name(ctx, text);
    }
    let message = format!(
        "{function}: the type is a text such as \"cart.added\", not {}",
        values::shown(value)
    );
    Err(values::throw(ctx, "TypeError", &message))
}

/// Bytes of an event that goes out.
pub(super) fn size_of(event: &types::OutgoingEvent) -> usize {
    let texts = [&event.id, &event.subject, &event.time, &event.channel];
    let texts = texts.into_iter().flatten().map(String::len);
    let extensions = event.extensions.iter();
    let extensions = extensions.map(|(name, value)| name.len() + value.len() + 64);
    let data = event.data.as_ref().map_or(0, Vec::len);
    texts.chain(extensions).sum::<usize>() + data + event.type_.len()
}

/// The event that options describe.
pub(super) fn outgoing<'js>(
    ctx: &Ctx<'js>,
    event_type: String,
    options: &Options<'js>,
) -> Result<types::OutgoingEvent> {
    let media_type = options.text("datacontenttype")?;
    let data = options.given("data")?;
    let (data, datacontenttype) = values::to_data(ctx, data.as_ref(), media_type.as_deref())?;
    Ok(types::OutgoingEvent {
        type_: event_type,
        id: options.text("id")?,
        subject: options.text("subject")?,
        time: options.time("time")?,
        datacontenttype,
        data,
        distributed: options.flag("distributed")?.unwrap_or(false),
        channel: options.text("channel")?,
        extensions: extensions(options)?,
    })
}

fn extensions<'js>(options: &Options<'js>) -> Result<Vec<(String, String)>> {
    let Some(object) = options.object("extensions")? else {
        return Ok(Vec::new());
    };
    let extensions = object.props::<Text, Coerced<JsString<'js>>>();
    extensions
        .map(|entry| {
            let (Text(name), Coerced(value)) = entry?;
            Ok((name, text::name(object.ctx(), &value)?))
        })
        .collect()
}

/// `wait(pattern, options?)`: a promise of the event. It is waited for from now on.
pub(super) fn wait<'js>(
    ctx: Ctx<'js>,
    pattern: Value<'js>,
    options: Opt<Value<'js>>,
) -> Result<Promise<'js>> {
    start::check_evaluated(&ctx, "wait")?;
    let known = ["subject", "timeout", "channel", "localOnly"];
    let options = Options::take(&ctx, "wait", options.0.as_ref(), &known)?;
    let pattern = type_of(&ctx, "wait", &pattern)?;
    let timeout = options.milliseconds("timeout")?.unwrap_or(USUAL_WAIT);
    let filter = types::Filter {
        pattern: pattern.clone(),
        subject: options.text("subject")?,
        channel: options.text("channel")?,
        local_only: options.flag("localOnly")?.unwrap_or(false),
    };
    let waiting = match waiting::start(&filter, timeout) {
        Ok(wait) => Waiting {
            wait,
            pattern,
            timeout,
        },
        Err(error) => return Err(wait_error(&ctx, &pattern, timeout, error)),
    };
    Ok(drive::begin(&ctx, waiting)?.0)
}

struct Waiting {
    wait: waiting::Wait,
    pattern: String,
    timeout: u64,
}

impl Operation for Waiting {
    fn subscribe(&self) -> Pollable {
        self.wait.subscribe()
    }

    fn take<'js>(&mut self, ctx: &Ctx<'js>) -> Option<Result<Value<'js>>> {
        Some(match self.wait.take()? {
            Ok(event) => event_of(ctx, event),
            Err(error) => Err(wait_error(ctx, &self.pattern, self.timeout, error)),
        })
    }
}

fn wait_error(ctx: &Ctx<'_>, pattern: &str, timeout: u64, error: events::WaitError) -> Error {
    match error {
        events::WaitError::TimedOut => {
            let message = format!("no event `{pattern}` came within {timeout} ms");
            values::throw_coded(ctx, "TimeoutError", "timed-out", &message)
        }
        events::WaitError::Invalid(why) => {
            let message = format!("nothing is waited for: {why}");
            values::throw_coded(ctx, "WaitError", "invalid", &message)
        }
    }
}

/// An event that the node hands over field by field, as the text sees it.
pub(super) fn event_of<'js>(ctx: &Ctx<'js>, event: types::Event) -> Result<Value<'js>> {
    let fields = hearken_wire::Fields {
        event_type: &event.type_,
        id: [&event.id, ""],
        source: &event.source,
        subject: event.subject.as_deref(),
        recorded_time: event.recorded_time,
        producer_time: event.time.as_deref(),
        datacontenttype: &event.datacontenttype,
        data: Some(event.data.as_slice()).filter(|data| !data.is_empty()),
        distributed: event.distributed,
        origin: &event.origin,
        channel: event.channel.as_deref(),
        sequence: event.sequence,
        traceparent: event.traceparent.as_deref(),
        tracestate: event.tracestate.as_deref(),
    };
    let extensions = event.extensions.iter();
    let extensions =
        extensions.map(|(name, value)| (name.as_str(), hearken_wire::ExtensionKind::String, value));
    let mut bytes = Vec::new();
    hearken_wire::encode(&fields, extensions, &mut bytes);
    EventObject::of(ctx, &Delivered::alone(bytes, event.localorigin))
}

/// An object with what is known of it; what is `None` is left out.
pub(super) fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    Object::new(ctx.clone())
}
