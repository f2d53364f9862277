//! All routes, and the document that describes them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::{InfoBuilder, OpenApi as Document, OpenApiBuilder};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::event::host_event::{
    AccessDenied, ChannelChanged, ChannelDamaged, ChannelFailed, ChannelTrimmed, ClusterGap,
    HostEventType, NodeJoined, NodeLost, PluginChanged, PluginFailed, PluginMissed,
    PluginOverflowed, PluginQuarantined, PluginRejected, PluginStalled, RecordChanged,
    SessionChanged, SessionsLost,
};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::{
    append, consumers, cursors, indexes, latest, list, one, operate, read, remove, set, show,
};
use crate::gateway::endpoints::{
    description, health, metrics, nodes, plugins, publish, server_api, session, stream, wait,
    whoami,
};
use crate::gateway::openapi::rights::{Right, right};

/// Where the document tells, for each type of host event, the schema of its data.
const HOST_EVENTS: &str = "x-host-events";

/// Where it tells of an operation the right that it needs.
const RIGHT: &str = "x-right";

/// Schemas that no operation names: what streams and events carry.
#[derive(OpenApi)]
#[openapi(components(schemas(
    stream::StreamOverflow,
    stream::AccessEnded,
    AccessDenied,
    PluginChanged,
    PluginFailed,
    PluginQuarantined,
    PluginOverflowed,
    PluginStalled,
    PluginRejected,
    PluginMissed,
    NodeJoined,
    NodeLost,
    ClusterGap,
    ChannelChanged,
    ChannelTrimmed,
    ChannelFailed,
    ChannelDamaged,
    RecordChanged,
    SessionChanged,
    SessionsLost
)))]
struct Carried;

/// Every route of the gateway.
fn routes() -> OpenApiRouter<Arc<Context>> {
    other_routes().merge(channel_routes())
}

/// Those of a channel, which may lie on another node.
pub(in crate::gateway) fn channel_routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(show::show, set::set, remove::remove))
        .routes(routes!(append::append, read::read))
        .routes(routes!(one::one))
        .routes(routes!(latest::latest))
        .routes(routes!(cursors::show, cursors::set, cursors::remove))
        .routes(routes!(indexes::set))
        .routes(routes!(indexes::find))
        .routes(routes!(operate::trim))
        .routes(routes!(operate::verify))
        .routes(routes!(operate::repair))
        .routes(routes!(consumers::retry))
        .routes(routes!(consumers::seek))
        .routes(routes!(consumers::remove))
}

/// All others.
pub(in crate::gateway) fn other_routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(publish::publish, stream::events))
        .routes(routes!(wait::wait))
        .routes(routes!(list::list))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::show))
        .routes(routes!(plugins::reload))
        .routes(routes!(plugins::pause))
        .routes(routes!(plugins::resume))
        .routes(routes!(plugins::replay::replay, plugins::replay::end))
        .routes(routes!(session::web_socket::connect))
        .routes(routes!(session::long_answers::http_stream))
        .routes(routes!(
            session::long_answers::sse,
            session::long_answers::post_sse
        ))
        .routes(routes!(
            session::long_answers::uni_sse,
            session::long_answers::post_uni_sse
        ))
        .routes(routes!(
            session::long_answers::uni_http_stream,
            session::long_answers::post_uni_http_stream
        ))
        .routes(routes!(session::emulation::emulate))
        .routes(routes!(server_api::call))
        .routes(routes!(session::operate::list))
        .routes(routes!(session::operate::messages))
        .routes(routes!(session::operate::disconnect))
        .routes(routes!(session::operate::show, session::operate::remove))
        .routes(routes!(session::operate::message))
        .routes(routes!(nodes::list))
        .routes(routes!(whoami::whoami))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(description::openapi))
}

fn head() -> Document {
    let info = InfoBuilder::new()
        .title("Hearken")
        .description(Some(
            "One node of Hearken: publish events, stream them, wait for them, look after \
             the plugins that listen, and see the other nodes. Errors are problem details (RFC 9457). Every call is answered 403 when its `Host` is \
             not a name of the node, 400 when that is malformed, and but for `/livez`, `/readyz` \
             and this document 403 when a web page of another origin makes it. `x-right` \
             says which right a call needs: then it is answered 401 without credentials that \
             the node knows, and 403 without the right. `x-host-events` \
             lists the types of the events that the node itself publishes, and for each the \
             schema of its `data`.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let mut document = OpenApiBuilder::new().info(info).build();
    document.merge(Carried::openapi());
    document
}

/// The document as it is served.
pub(in crate::gateway) fn document() -> Bytes {
    let mut document = serde_json::to_value(routes().into_openapi())
        .expect("the document serialises to an object");
    document[HOST_EVENTS] = host_events();
    tell_rights(&mut document);
    Bytes::from(document.to_string())
}

/// Tells of each operation the right that it needs, and what is answered without it.
fn tell_rights(document: &mut Value) {
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.expect("there are routes") {
        for (method, operation) in item.as_object_mut().expect("an item is an object") {
            let method = method.to_uppercase().parse().expect("a method");
            let right = right(&method, path);
            // A route that nobody has thought about does not become one that all may use.
            let right = right.expect("every operation stands in the table of rights");
            operation[RIGHT] = right.as_str().into();
            if matches!(right, Right::Open | Right::Session) {
                continue;
            }
            operation["security"] = json!([{"bearer": []}]);
            for (status, description) in REFUSALS {
                let responses = operation["responses"].as_object_mut();
                let responses = responses.expect("an operation has responses");
                responses
                    .entry(status)
                    .or_insert_with(|| refusal(description));
            }
        }
    }
    document["components"]["securitySchemes"]["bearer"] = json!({
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`hrk_…`) or a token (JWT). Without any configured, nobody is asked.",
    });
}

/// What an operation with a right may answer besides.
const REFUSALS: [(&str, &str); 3] = [
    ("401", "No credentials, or none that the node knows"),
    (
        "403",
        "The right is missing; the problem's `right` names it",
    ),
    (
        "429",
        "More than the budget allows, or too many wrong credentials",
    ),
];

fn refusal(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn host_events() -> Value {
    HostEventType::ALL
        .into_iter()
        .map(|event_type| {
            let schema = data_schema(event_type);
            let entry = json!({
                "data": {"$ref": format!("#/components/schemas/{schema}")},
                "distributed": event_type.distributed(),
            });
            (event_type.as_str().to_owned(), entry)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Name of the schema of a host event's data.
fn data_schema(event_type: HostEventType) -> Cow<'static, str> {
    match event_type {
        HostEventType::PluginInstalled
        | HostEventType::PluginStarted
        | HostEventType::PluginReloaded
        | HostEventType::PluginStopped
        | HostEventType::PluginRemoved => PluginChanged::name(),
        HostEventType::PluginFailed => PluginFailed::name(),
        HostEventType::PluginQuarantined => PluginQuarantined::name(),
        HostEventType::PluginOverflowed => PluginOverflowed::name(),
        HostEventType::PluginStalled => PluginStalled::name(),
        HostEventType::PluginRejected => PluginRejected::name(),
        HostEventType::PluginMissed => PluginMissed::name(),
        HostEventType::ClusterJoined => NodeJoined::name(),
        HostEventType::ClusterLeft | HostEventType::ClusterUnreachable => NodeLost::name(),
        HostEventType::ClusterGap => ClusterGap::name(),
        HostEventType::AccessDenied => AccessDenied::name(),
        HostEventType::ChannelCreated | HostEventType::ChannelDeleted => ChannelChanged::name(),
        HostEventType::ChannelTrimmed => ChannelTrimmed::name(),
        HostEventType::ChannelFailed => ChannelFailed::name(),
        HostEventType::ChannelDamaged => ChannelDamaged::name(),
        HostEventType::RecordCreated
        | HostEventType::RecordUpdated
        | HostEventType::RecordDeleted => RecordChanged::name(),
        HostEventType::SessionConnected
        | HostEventType::SessionDisconnected
        | HostEventType::SessionSubscribed
        | HostEventType::SessionUnsubscribed => SessionChanged::name(),
        HostEventType::SessionLost => SessionsLost::name(),
    }
}
