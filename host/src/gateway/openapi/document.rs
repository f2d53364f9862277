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
    ClusterGap, HostEventType, NodeJoined, NodeLost, PluginChanged, PluginFailed, PluginOverflowed,
    PluginQuarantined, RecordChanged,
};
use crate::gateway::context::Context;
use crate::gateway::endpoints::{
    description, health, metrics, nodes, plugins, publish, stream, wait,
};

/// Where the document tells, for each type of host event, the schema of its data.
const HOST_EVENTS: &str = "x-host-events";

/// Schemas that no operation names: what streams and events carry.
#[derive(OpenApi)]
#[openapi(components(schemas(
    stream::StreamOverflow,
    PluginChanged,
    PluginFailed,
    PluginQuarantined,
    PluginOverflowed,
    NodeJoined,
    NodeLost,
    ClusterGap,
    RecordChanged
)))]
struct Carried;

/// Every route of the gateway.
pub(in crate::gateway) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(publish::publish, stream::events))
        .routes(routes!(wait::wait))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::show))
        .routes(routes!(plugins::reload))
        .routes(routes!(plugins::pause))
        .routes(routes!(plugins::resume))
        .routes(routes!(nodes::list))
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
             and this document 403 when a web page of another origin makes it. `x-host-events` \
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
    Bytes::from(document.to_string())
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
        HostEventType::ClusterJoined => NodeJoined::name(),
        HostEventType::ClusterLeft | HostEventType::ClusterUnreachable => NodeLost::name(),
        HostEventType::ClusterGap => ClusterGap::name(),
        HostEventType::RecordCreated
        | HostEventType::RecordUpdated
        | HostEventType::RecordDeleted => RecordChanged::name(),
    }
}
