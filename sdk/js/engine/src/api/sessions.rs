//! `sessions`: what a plugin does with sessions of clients.

use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Error, Function, Object, Result, Value};

use super::publishing::object;
use crate::bindings::hearken::plugin::session_types::{Grant, Overrides};
use crate::bindings::hearken::plugin::sessions as node;
use crate::options::Options;
use crate::text::{self, Text};
use crate::{start, values};

/// Publications that are read with one call unless the text says otherwise.
const USUAL_LIMIT: u64 = 100;

/// The object.
pub(super) fn sessions<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let sessions = object(ctx)?;
    for (name, function) in [
        ("send", Function::new(ctx.clone(), send)?),
        ("subscribe", Function::new(ctx.clone(), subscribe)?),
        ("unsubscribe", Function::new(ctx.clone(), unsubscribe)?),
        ("disconnect", Function::new(ctx.clone(), disconnect)?),
        ("refresh", Function::new(ctx.clone(), refresh)?),
        ("presence", Function::new(ctx.clone(), presence)?),
        ("presenceStats", Function::new(ctx.clone(), presence_stats)?),
        ("history", Function::new(ctx.clone(), history)?),
    ] {
        sessions.set(name, function.with_name(name)?)?;
    }
    Ok(sessions)
}

fn throw(ctx: &Ctx<'_>, error: node::SessionsError) -> Error {
    use node::SessionsError as Why;
    let (code, message) = match error {
        Why::Off => (
            "off",
            "the node has no sessions; see `[sessions]` of its configuration".to_owned(),
        ),
        Why::Denied(why) => ("denied", why),
        Why::Invalid(why) => ("invalid", why),
        Why::UnknownChannel => ("unknown-channel", "there is no such channel".to_owned()),
        Why::NotAvailable => ("not-available", "the channel has no such thing".to_owned()),
        Why::AnotherEpoch => (
            "another-epoch",
            "the position is of another epoch than the history".to_owned(),
        ),
        Why::BudgetExceeded => (
            "budget-exceeded",
            "the plugin's budget is used up; try again later".to_owned(),
        ),
    };
    values::throw_coded(ctx, "SessionsError", code, &message)
}

/// `{user: "42"}` and its like, or `"node"` or `"all"`.
fn target<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<node::Target> {
    let named = value.as_string().map(|text| text::name(ctx, text));
    match named.transpose()?.as_deref() {
        Some("node") => return Ok(node::Target::Node),
        Some("all") => return Ok(node::Target::All),
        _ => {}
    }
    let known = ["session", "user", "subject", "channel", "node", "all"];
    let options = Options::take(ctx, "sessions", Some(value), &known)?;
    let all = [
        options.text("session")?.map(node::Target::Session),
        options.text("user")?.map(node::Target::User),
        options.text("subject")?.map(node::Target::Subject),
        options.text("channel")?.map(node::Target::Channel),
        options
            .flag("node")?
            .filter(|is| *is)
            .map(|_| node::Target::Node),
        options
            .flag("all")?
            .filter(|is| *is)
            .map(|_| node::Target::All),
    ];
    let mut named = all.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(target), None) => Ok(target),
        _ => {
            let message = "sessions: name whose they are by one of {session}, {user}, {subject}, \
                           {channel}, \"node\" or \"all\"";
            Err(values::throw(ctx, "TypeError", message))
        }
    }
}

fn exclusion<'js>(ctx: &Ctx<'js>, options: &Options<'js>) -> Result<Option<node::Exclusion>> {
    let Some(except) = options.value("except")? else {
        return Ok(None);
    };
    let except = Options::take(ctx, "sessions", Some(&except), &["session", "user"])?;
    let session = except.text("session")?.map(node::Exclusion::Session);
    Ok(session.or(except.text("user")?.map(node::Exclusion::User)))
}

fn reached<'js>(
    ctx: &Ctx<'js>,
    reached: std::result::Result<node::Reached, node::SessionsError>,
) -> Result<Object<'js>> {
    let reached = reached.map_err(|error| throw(ctx, error))?;
    let object = object(ctx)?;
    object.set("nodes", reached.nodes)?;
    object.set("sessions", values::number(reached.sessions))?;
    object.set("partial", reached.partial)?;
    Ok(object)
}

fn send<'js>(
    ctx: Ctx<'js>,
    to: Value<'js>,
    data: Value<'js>,
    options: Opt<Value<'js>>,
) -> Result<Object<'js>> {
    start::check_evaluated(&ctx, "sessions.send")?;
    let options = Options::take(&ctx, "sessions.send", options.0.as_ref(), &["except"])?;
    let except = exclusion(&ctx, &options)?;
    let (to, data) = (target(&ctx, &to)?, values::to_json(&ctx, &data)?);
    reached(&ctx, node::send(&to, &data, except.as_ref()))
}

fn subscribe<'js>(
    ctx: Ctx<'js>,
    whose: Value<'js>,
    Text(channel): Text,
    options: Opt<Value<'js>>,
) -> Result<Object<'js>> {
    start::check_evaluated(&ctx, "sessions.subscribe")?;
    let (grant, expire_at) = grant(&ctx, "sessions.subscribe", options.0.as_ref())?;
    reached(
        &ctx,
        node::subscribe(&target(&ctx, &whose)?, &channel, &grant, expire_at),
    )
}

fn unsubscribe<'js>(ctx: Ctx<'js>, whose: Value<'js>, Text(channel): Text) -> Result<Object<'js>> {
    start::check_evaluated(&ctx, "sessions.unsubscribe")?;
    reached(&ctx, node::unsubscribe(&target(&ctx, &whose)?, &channel))
}

fn disconnect<'js>(
    ctx: Ctx<'js>,
    whose: Value<'js>,
    options: Opt<Value<'js>>,
) -> Result<Object<'js>> {
    start::check_evaluated(&ctx, "sessions.disconnect")?;
    let known = ["code", "reason", "except"];
    let options = Options::take(&ctx, "sessions.disconnect", options.0.as_ref(), &known)?;
    let code = options
        .number("code")?
        .map(|code| u32::try_from(code).unwrap_or(u32::MAX));
    let reason = options.text("reason")?;
    let except = exclusion(&ctx, &options)?;
    let whose = target(&ctx, &whose)?;
    reached(
        &ctx,
        node::disconnect(&whose, code, reason.as_deref(), except.as_ref()),
    )
}

fn refresh<'js>(ctx: Ctx<'js>, whose: Value<'js>, options: Opt<Value<'js>>) -> Result<Object<'js>> {
    start::check_evaluated(&ctx, "sessions.refresh")?;
    let options = Options::take(&ctx, "sessions.refresh", options.0.as_ref(), &["expireAt"])?;
    reached(
        &ctx,
        node::refresh(&target(&ctx, &whose)?, seconds(&options)?),
    )
}

fn presence<'js>(ctx: Ctx<'js>, Text(channel): Text) -> Result<Array<'js>> {
    let present = node::presence(&channel).map_err(|error| throw(&ctx, error))?;
    let all = Array::new(ctx.clone())?;
    for (at, info) in present.iter().enumerate() {
        all.set(at, client_info(&ctx, info)?)?;
    }
    Ok(all)
}

fn presence_stats<'js>(ctx: Ctx<'js>, Text(channel): Text) -> Result<Object<'js>> {
    let count = node::presence_stats(&channel).map_err(|error| throw(&ctx, error))?;
    let object = object(&ctx)?;
    object.set("clients", values::number(count.clients))?;
    object.set("users", values::number(count.users))?;
    Ok(object)
}

fn history<'js>(
    ctx: Ctx<'js>,
    Text(channel): Text,
    options: Opt<Value<'js>>,
) -> Result<Object<'js>> {
    let known = ["since", "limit", "reverse"];
    let options = Options::take(&ctx, "sessions.history", options.0.as_ref(), &known)?;
    let since = options.value("since")?;
    let since = since.map(|since| {
        let since = Options::take(&ctx, "sessions.history", Some(&since), &["epoch", "offset"])?;
        Ok::<_, Error>(node::HistoryPosition {
            epoch: since.text("epoch")?.unwrap_or_default(),
            offset: since.number("offset")?.unwrap_or(0),
        })
    });
    let since = since.transpose()?;
    let limit = options.number("limit")?.unwrap_or(USUAL_LIMIT);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let reverse = options.flag("reverse")?.unwrap_or(false);
    let page = node::history(&channel, since.as_ref(), limit, reverse);
    let page = page.map_err(|error| throw(&ctx, error))?;
    let publications = Array::new(ctx.clone())?;
    for (at, publication) in page.publications.iter().enumerate() {
        let shown = object(&ctx)?;
        shown.set("data", values::of_client_data(&ctx, &publication.data)?)?;
        shown.set("offset", values::number(publication.offset))?;
        if let Some(info) = &publication.info {
            shown.set("info", client_info(&ctx, info)?)?;
        }
        let tags = object(&ctx)?;
        for (name, value) in &publication.tags {
            values::define(&tags, name, value.as_str())?;
        }
        shown.set("tags", tags)?;
        publications.set(at, shown)?;
    }
    let top = object(&ctx)?;
    top.set("epoch", page.top.epoch)?;
    top.set("offset", values::number(page.top.offset))?;
    let shown = object(&ctx)?;
    shown.set("publications", publications)?;
    shown.set("top", top)?;
    Ok(shown)
}

fn client_info<'js>(ctx: &Ctx<'js>, info: &node::ClientInfo) -> Result<Object<'js>> {
    let shown = object(ctx)?;
    shown.set("client", info.client.as_str())?;
    shown.set("user", info.user.as_str())?;
    for (name, json) in [("connInfo", &info.conn_info), ("chanInfo", &info.chan_info)] {
        if let Some(json) = json {
            shown.set(name, values::of_client_data(ctx, json)?)?;
        }
    }
    Ok(shown)
}

/// What a subscription is like, and until when, as a text says it.
pub(crate) fn grant<'js>(
    ctx: &Ctx<'js>,
    function: &'static str,
    value: Option<&Value<'js>>,
) -> Result<(Grant, Option<u64>)> {
    let known = ["info", "data", "overrides", "expireAt"];
    let options = Options::take(ctx, function, value, &known)?;
    let json = |name: &str| {
        let value = options.value(name)?;
        value.map(|value| values::to_json(ctx, &value)).transpose()
    };
    let known = [
        "presence",
        "joinLeave",
        "forceRecovery",
        "forcePositioning",
        "forcePushJoinLeave",
    ];
    let overrides = options.value("overrides")?;
    let overrides = Options::take(ctx, function, overrides.as_ref(), &known)?;
    let grant = Grant {
        info: json("info")?,
        data: json("data")?,
        overrides: Overrides {
            presence: overrides.flag("presence")?,
            join_leave: overrides.flag("joinLeave")?,
            force_recovery: overrides.flag("forceRecovery")?,
            force_positioning: overrides.flag("forcePositioning")?,
            force_push_join_leave: overrides.flag("forcePushJoinLeave")?,
        },
    };
    Ok((grant, seconds(&options)?))
}

/// `expireAt`: a `Date`, or seconds since the Unix epoch.
pub(crate) fn seconds(options: &Options<'_>) -> Result<Option<u64>> {
    let Some(value) = options.value("expireAt")? else {
        return Ok(None);
    };
    let date = value.as_object().and_then(|object| {
        let time: Function<'_> = object.get("getTime").ok()?;
        Some(time.call::<_, f64>((rquickjs::function::This(object.clone()),)))
    });
    match date.transpose()? {
        Some(milliseconds) => Ok(values::whole((milliseconds / 1000.0).floor())),
        None => options.number("expireAt"),
    }
}
