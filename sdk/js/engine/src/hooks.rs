//! The component as what answers sessions.

use rquickjs::function::Args;
use rquickjs::{Ctx, Error, Function, IntoJs as _, Object, Result, Value};

use crate::bindings::Engine;
use crate::bindings::exports::hearken::plugin::session_hooks as asked;
use crate::bindings::wasi::logging::logging;
use crate::failure;
use crate::options::Options;
use crate::text::{self, Text};
use crate::{api, drive, registry, start, values};

/// Longest reason that is given to a session, in bytes.
const MAX_REASON_BYTES: usize = 1 << 10;

/// Places in [`registry::QUESTIONS`].
const CONNECT: usize = 0;
const REFRESH: usize = 1;
const SUBSCRIBE: usize = 2;
const SUB_REFRESH: usize = 3;
const PUBLISH: usize = 4;
const RPC: usize = 5;

impl asked::Guest for Engine {
    fn describe() -> asked::HooksDescription {
        start::ensure();
        let questions = [
            asked::Question::Connect,
            asked::Question::Refresh,
            asked::Question::Subscribe,
            asked::Question::SubRefresh,
            asked::Question::Publish,
            asked::Question::Rpc,
        ];
        let hooks = registry::hooks();
        let answers = hooks
            .iter()
            .flat_map(|hooks| hooks.answers.iter().zip(questions));
        asked::HooksDescription {
            version: registry::version(),
            answers: answers
                .filter(|(answer, _)| answer.is_some())
                .map(|(_, question)| question)
                .collect(),
            namespaces: hooks
                .iter()
                .flat_map(|hooks| hooks.namespaces.clone())
                .collect(),
        }
    }

    fn connect(
        request: asked::ConnectRequest,
    ) -> std::result::Result<asked::Connected, asked::Refusal> {
        answer(
            CONNECT,
            |ctx| Ok(vec![connecting(ctx, request)?]),
            connected,
        )
    }

    fn refresh(
        session: asked::Session,
        token: Option<String>,
    ) -> std::result::Result<asked::Refreshed, asked::Refusal> {
        answer(
            REFRESH,
            |ctx| Ok(vec![session_of(ctx, &session)?, token.into_js(ctx)?]),
            refreshed,
        )
    }

    fn subscribe(
        session: asked::Session,
        request: asked::SubscribeRequest,
    ) -> std::result::Result<asked::Subscribed, asked::Refusal> {
        answer(
            SUBSCRIBE,
            |ctx| {
                Ok(vec![
                    session_of(ctx, &session)?,
                    about(ctx, &request.channel, &request.data)?,
                ])
            },
            |ctx, value| {
                check_allowed(ctx, &value)?;
                let (grant, expire_at) = api::grant(ctx, "subscribe", truthy(&value))?;
                Ok(asked::Subscribed { grant, expire_at })
            },
        )
    }

    fn sub_refresh(
        session: asked::Session,
        channel: String,
    ) -> std::result::Result<asked::Refreshed, asked::Refusal> {
        answer(
            SUB_REFRESH,
            |ctx| Ok(vec![session_of(ctx, &session)?, channel.into_js(ctx)?]),
            refreshed,
        )
    }

    fn publish(
        session: asked::Session,
        request: asked::PublishRequest,
    ) -> std::result::Result<asked::Published, asked::Refusal> {
        answer(
            PUBLISH,
            |ctx| {
                Ok(vec![
                    session_of(ctx, &session)?,
                    about(ctx, &request.channel, &request.data)?,
                ])
            },
            published,
        )
    }

    fn rpc(
        session: asked::Session,
        method: String,
        data: Vec<u8>,
    ) -> std::result::Result<Vec<u8>, asked::Refusal> {
        answer(
            RPC,
            |ctx| {
                let data = values::of_client_data(ctx, &data)?;
                Ok(vec![session_of(ctx, &session)?, method.into_js(ctx)?, data])
            },
            |ctx, value| match value.is_undefined() {
                true => Ok(b"null".to_vec()),
                false => values::data_of(ctx, &value),
            },
        )
    }
}

/// Asks the text.
fn answer<T>(
    question: usize,
    hand: impl for<'js> FnOnce(&Ctx<'js>) -> Result<Vec<Value<'js>>>,
    read: impl for<'js> FnOnce(&Ctx<'js>, Value<'js>) -> Result<T>,
) -> std::result::Result<T, asked::Refusal> {
    start::with(|ctx| {
        let hooks = registry::hooks();
        let function = hooks.and_then(|hooks| hooks.answers.get(question)?.clone());
        let Some(function) = function else {
            // The node does not ask what is not answered.
            return Err(error(104, "method not found", false));
        };
        let name = registry::QUESTIONS
            .get(question)
            .copied()
            .unwrap_or_default();
        let called = function.restore(ctx);
        let called = called.and_then(|function| call(ctx, name, &function, hand(ctx)?));
        let called = called.and_then(|value| read(ctx, value));
        called.map_err(|error| refusal(ctx, name, error))
    })
}

/// Calls a function and goes on until what it returns is settled.
fn call<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    function: &Function<'js>,
    handed: Vec<Value<'js>>,
) -> Result<Value<'js>> {
    let mut args = Args::new(ctx.clone(), handed.len());
    for value in handed {
        args.push_arg(value)?;
    }
    drive::to_an_answer(ctx, name, function.call_arg(args))
}

/// What a throw means to the session.
fn refusal(ctx: &Ctx<'_>, name: &str, error: Error) -> asked::Refusal {
    let thrown = match error {
        Error::Exception => ctx.catch(),
        other => match values::error(ctx, "Error", &other.to_string()) {
            Ok(error) => error.into_value(),
            Err(_) => ctx.catch(),
        },
    };
    if let Some(object) = thrown.as_object() {
        let text = |name: &str| {
            let value = object.get::<_, Value<'_>>(name).ok();
            let text = value.as_ref().and_then(Value::as_string);
            text.map_or_else(String::new, |text| text::beginning(text, MAX_REASON_BYTES))
        };
        let code = object.get::<_, Option<u32>>("code").ok().flatten();
        match (text("name").as_str(), code) {
            ("Refusal", Some(code)) => {
                let temporary = object.get::<_, Option<bool>>("temporary").ok().flatten();
                return self::error(code, &text("message"), temporary.unwrap_or(false));
            }
            ("Disconnect", Some(code)) => {
                return asked::Refusal::Disconnect(asked::DisconnectedWith {
                    code,
                    reason: text("message"),
                });
            }
            _ => {}
        }
    }
    let message = format!("{name}: {}", failure::thrown(&thrown).reason);
    logging::log(logging::Level::Error, "", &message);
    self::error(100, "internal server error", true)
}

fn error(code: u32, message: &str, temporary: bool) -> asked::Refusal {
    asked::Refusal::Error(asked::RefusedWith {
        code,
        message: message.to_owned(),
        temporary,
    })
}

fn session_of<'js>(ctx: &Ctx<'js>, session: &asked::Session) -> Result<Value<'js>> {
    Ok(session_object(ctx, session)?.into_value())
}

fn session_object<'js>(ctx: &Ctx<'js>, session: &asked::Session) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("client", session.client.as_str())?;
    object.set("user", session.user.as_str())?;
    if let Some(meta) = &session.meta {
        object.set("meta", values::of_client_data(ctx, meta.as_bytes())?)?;
    }
    Ok(object)
}

fn connecting<'js>(ctx: &Ctx<'js>, request: asked::ConnectRequest) -> Result<Value<'js>> {
    let object = session_object(ctx, &request.session)?;
    for (name, value) in [
        ("transport", &request.transport),
        ("protocol", &request.protocol),
        ("encoding", &request.encoding),
        ("name", &request.name),
        ("version", &request.version),
        ("address", &request.address),
    ] {
        object.set(name, value.as_str())?;
    }
    object.set("data", values::of_client_data(ctx, &request.data)?)?;
    if let Some(claims) = &request.claims {
        object.set("claims", values::of_client_data(ctx, claims.as_bytes())?)?;
    }
    object.set("token", request.token)?;
    let headers = Object::new(ctx.clone())?;
    for (name, value) in request.headers {
        values::define(&headers, &name, value)?;
    }
    object.set("headers", headers)?;
    Ok(object.into_value())
}

fn about<'js>(ctx: &Ctx<'js>, channel: &str, data: &[u8]) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("channel", channel)?;
    object.set("data", values::of_client_data(ctx, data)?)?;
    Ok(object.into_value())
}

/// `undefined` and `true` say yes and nothing else.
fn truthy<'a, 'js>(value: &'a Value<'js>) -> Option<&'a Value<'js>> {
    Some(value).filter(|value| value.as_bool() != Some(true))
}

/// An answer of `false` refuses.
fn check_allowed(ctx: &Ctx<'_>, value: &Value<'_>) -> Result<()> {
    if value.as_bool() != Some(false) {
        return Ok(());
    }
    let refused = values::error(ctx, "Error", "permission denied").and_then(|error| {
        error.set("name", "Refusal")?;
        error.set("code", 103)?;
        Ok(error)
    });
    Err(match refused {
        Ok(error) => ctx.throw(error.into_value()),
        Err(error) => error,
    })
}

fn connected<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<asked::Connected> {
    check_allowed(ctx, &value)?;
    let known = ["user", "expireAt", "info", "data", "subscriptions", "meta"];
    let options = Options::take(ctx, "connect", truthy(&value), &known)?;
    let json = |name: &str| {
        let value = options.value(name)?;
        value.map(|value| values::to_json(ctx, &value)).transpose()
    };
    let mut subscriptions = Vec::new();
    if let Some(channels) = options.value("subscriptions")? {
        if let Some(channels) = channels.as_array() {
            let none = Value::new_undefined(ctx.clone());
            for channel in channels.iter::<Text>() {
                subscriptions.push((channel?.0, api::grant(ctx, "connect", Some(&none))?.0));
            }
        } else if let Some(channels) = channels.as_object() {
            for entry in channels.props::<Text, Value<'js>>() {
                let (Text(channel), grant) = entry?;
                subscriptions.push((channel, api::grant(ctx, "connect", truthy(&grant))?.0));
            }
        }
    }
    let meta = json("meta")?;
    Ok(asked::Connected {
        user: options.text("user")?,
        expire_at: api::seconds(&options)?,
        info: json("info")?,
        data: json("data")?,
        subscriptions,
        meta: meta.map(|meta| String::from_utf8_lossy(&meta).into_owned()),
    })
}

fn refreshed<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<asked::Refreshed> {
    check_allowed(ctx, &value)?;
    let options = Options::take(ctx, "refresh", truthy(&value), &["expireAt", "info"])?;
    let info = options.value("info")?;
    Ok(asked::Refreshed {
        expire_at: api::seconds(&options)?,
        info: info.map(|info| values::to_json(ctx, &info)).transpose()?,
    })
}

/// Nothing or `true`: as it is; `{data}`: with these; `"handled"`: not at all.
fn published<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<asked::Published> {
    check_allowed(ctx, &value)?;
    let text = value.as_string().map(|text| text::name(ctx, text));
    if text.transpose()?.as_deref() == Some("handled") {
        return Ok(asked::Published::Handled);
    }
    let options = Options::take(ctx, "publish", truthy(&value), &["data"])?;
    Ok(match options.given("data")? {
        Some(data) => asked::Published::Changed(values::data_of(ctx, &data)?),
        None => asked::Published::Unchanged,
    })
}
