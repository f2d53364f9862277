//! Schemas of what is not made of this program's own types.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

/// Schema of an event in the CloudEvents JSON format, which
/// [`crate::event::CloudEvent`] writes and [`crate::event::cloudevent::from_json`] reads.
pub(in crate::gateway) struct CloudEventJson;

impl ToSchema for CloudEventJson {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("CloudEvent")
    }
}

impl PartialSchema for CloudEventJson {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(description))
        };
        let boolean = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some(description))
        };
        let date_time = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
        let time = text("When it happened, as its producer says; otherwise `recordedtime`")
            .format(date_time.clone());
        let recorded_time =
            text("When the node of origin took it; given by the node").format(date_time);
        let sequence = ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some(
                "The producer's; on an event of a channel its number within that, given by the node",
            ));
        let data = ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some("The payload: JSON, or text as a string"));
        ObjectBuilder::new()
            .description(Some(
                "An event in the CloudEvents 1.0 JSON format. Further members are extension \
                 attributes: strings, booleans or 32-bit integers.",
            ))
            .property("specversion", text("`1.0`").enum_values(Some(["1.0"])))
            .required("specversion")
            .property("id", text("Unique for the source"))
            .required("id")
            .property("source", text("Who published it, a URI reference"))
            .required("source")
            .property(
                "type",
                text("Dotted name; under `custom.` unless the host publishes it"),
            )
            .required("type")
            .property("subject", text("The thing that the event is about"))
            .property("time", time)
            .property("recordedtime", recorded_time)
            .property(
                "datacontenttype",
                text("Media type of the payload; `application/json` by default"),
            )
            .property("data", data)
            .property(
                "data_base64",
                text("The payload, if it is neither JSON nor text"),
            )
            .property(
                "distributed",
                boolean("Whether it goes to every node of the cluster"),
            )
            .property(
                "origin",
                text("Node where it was published; given by the node"),
            )
            .property(
                "localorigin",
                boolean("Whether that is the node that delivers it"),
            )
            .property("channel", text("Durable channel"))
            .property("sequence", sequence)
            .property("traceparent", text("W3C trace context"))
            .property("tracestate", text("W3C trace context"))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}
