//! Validates the data of events against JSON Schemas from the configuration, and
//! publishes `schema.rejected` for each event that does not fit.

use std::collections::HashMap;

use boon::{CompileError, Compiler, ErrorKind, SchemaIndex, Schemas, ValidationError};
use hearken_sdk::{Event, OutgoingEvent, SendError, config, send};
use serde::Serialize;
use serde_json::Value;

/// Type of the rejection, as it is delivered.
const REJECTED: &str = "custom.schema.rejected";

/// Most problems named in one rejection; bounds its size.
const MAX_PROBLEMS: usize = 10;

#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("the schema configured for `{0}` is not JSON: {1}")]
    NotJson(String, #[source] serde_json::Error),
    #[error("the schema configured for `{0}` is not a JSON Schema: {1}")]
    NotASchema(String, String),
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Data of the rejection; its subject is that of the event.
#[derive(Serialize)]
struct Rejection<'a> {
    event: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    /// JSON pointer to the part of the data that does not fit; empty for the whole.
    at: String,
    problem: String,
}

/// The schemas that were met so far, by event type; there are no more than
/// configured ones.
#[derive(Default)]
struct SchemaCheck {
    schemas: Schemas,
    by_type: HashMap<String, SchemaIndex>,
}

#[hearken_sdk::listeners]
impl SchemaCheck {
    #[listener("custom.*")]
    fn check(&mut self, event: &Event) -> Result<(), CheckError> {
        // A rejection that were rejected in turn would have no end.
        if event.event_type() == REJECTED {
            return Ok(());
        }
        let Some(schema) = self.schema(event.event_type())? else {
            return Ok(());
        };
        let problems = self.problems(schema, event);
        if problems.is_empty() {
            return Ok(());
        }
        let mut rejected = OutgoingEvent::new(REJECTED).json(&Rejection {
            event: event.id(),
            source: event.source(),
            event_type: event.event_type(),
            problems,
        });
        if let Some(subject) = event.subject() {
            rejected = rejected.subject(subject);
        }
        send(rejected)?;
        Ok(())
    }
}

impl SchemaCheck {
    /// The schema for a type, compiled when it is first met.
    fn schema(&mut self, event_type: &str) -> Result<Option<SchemaIndex>, CheckError> {
        if let Some(schema) = self.by_type.get(event_type) {
            return Ok(Some(*schema));
        }
        let Some(schema) = config::get(event_type)? else {
            return Ok(None);
        };
        let schema: Value = serde_json::from_str(&schema)
            .map_err(|error| CheckError::NotJson(event_type.to_owned(), error))?;
        let not_a_schema = |error: CompileError| {
            CheckError::NotASchema(event_type.to_owned(), format!("{error:#}"))
        };
        // An address of its own, against which the schema's references are resolved.
        let address = format!("config:///{event_type}");
        let mut compiler = Compiler::new();
        compiler
            .add_resource(&address, schema)
            .map_err(not_a_schema)?;
        let schema = compiler
            .compile(&address, &mut self.schemas)
            .map_err(not_a_schema)?;
        self.by_type.insert(event_type.to_owned(), schema);
        Ok(Some(schema))
    }

    fn problems(&self, schema: SchemaIndex, event: &Event) -> Vec<Problem> {
        let data: Value = match event.json() {
            Ok(data) => data,
            Err(error) => {
                return vec![Problem {
                    at: String::new(),
                    problem: error.to_string(),
                }];
            }
        };
        let mut problems = Vec::new();
        if let Err(error) = self.schemas.validate(&data, schema) {
            name_causes(&error, &mut problems);
        }
        problems
    }
}

/// Adds what an error comes down to, until there are enough problems.
fn name_causes(error: &ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    if problems.len() == MAX_PROBLEMS {
        return;
    }
    // What keeps the data from each alternative is no problem by itself.
    let alternatives = matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_));
    if error.causes.is_empty() || alternatives {
        problems.push(Problem {
            at: error.instance_location.to_string(),
            problem: masked(&error.kind),
        });
        return;
    }
    for cause in &error.causes {
        name_causes(cause, problems);
    }
}

/// What is wrong, without values from the data, which may be large or confidential.
fn masked(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Pattern { want, .. } => format!("does not match pattern '{want}'"),
        ErrorKind::Format { want, .. } => format!("is not valid {want}"),
        ErrorKind::Minimum { want, .. } => format!("must be >={want}"),
        ErrorKind::Maximum { want, .. } => format!("must be <={want}"),
        ErrorKind::ExclusiveMinimum { want, .. } => format!("must be >{want}"),
        ErrorKind::ExclusiveMaximum { want, .. } => format!("must be <{want}"),
        ErrorKind::MultipleOf { want, .. } => format!("must be a multiple of {want}"),
        ErrorKind::AnyOf => "fits none of the schemas of anyOf".to_owned(),
        ErrorKind::OneOf(None) => "fits none of the schemas of oneOf".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, Host};
    use serde_json::json;

    use super::*;

    const ORDER: &str = "custom.order.created";

    fn host() -> Host {
        let schema = json!({
            "type": "object",
            "required": ["total"],
            "properties": {"total": {"type": "number", "minimum": 0}}
        });
        Host::new().config(ORDER, schema.to_string())
    }

    #[test]
    fn what_fits_passes_and_what_has_no_schema_too() {
        let host = host();
        let mut check = SchemaCheck::default();
        let good = testing::event(ORDER).json(&json!({"total": 3}));
        check.check(&good.build()).unwrap();
        let other = testing::event("custom.other").json(&json!("anything"));
        check.check(&other.build()).unwrap();
        assert!(host.sent().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_rejected_with_the_place() {
        let host = host();
        let mut check = SchemaCheck::default();
        let bad = testing::event(ORDER)
            .id("o-1")
            .subject("order-7")
            .json(&json!({"total": -1}));
        check.check(&bad.build()).unwrap();
        let rejected = &host.sent()[0];
        assert_eq!(rejected.event_type(), REJECTED);
        assert_eq!(rejected.subject(), Some("order-7"));
        let data: Value = rejected.json().unwrap();
        assert_eq!(data["event"], "o-1");
        assert_eq!(data["problems"][0]["at"], "/total");
        check.check(rejected).unwrap();
        assert_eq!(host.sent().len(), 1, "rejections are not checked");
    }

    /// The problems that are named for data under a schema.
    fn problems(schema: &Value, data: &Value) -> Value {
        let host = Host::new().config(ORDER, schema.to_string());
        let event = testing::event(ORDER).json(data).build();
        SchemaCheck::default().check(&event).unwrap();
        let rejected: Value = host.sent()[0].json().unwrap();
        rejected["problems"].clone()
    }

    #[test]
    fn each_part_that_does_not_fit_is_named_without_its_value() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"code": {"type": "string", "pattern": "^[A-Z]+$"}},
            "required": ["total"],
            "properties": {
                "code": {"$ref": "#/definitions/code"},
                "parts": {"items": {"anyOf": [{"type": "string"}, {"minimum": 1}]}},
            },
        });
        let data = json!({"code": "confidential", "parts": ["a", 0]});
        let mut found = problems(&schema, &data).as_array().unwrap().clone();
        found.sort_by_key(|problem| problem["at"].to_string());
        assert_eq!(
            found,
            [
                json!({"at": "", "problem": "missing properties 'total'"}),
                json!({"at": "/code", "problem": "does not match pattern '^[A-Z]+$'"}),
                json!({"at": "/parts/1", "problem": "fits none of the schemas of anyOf"}),
            ]
        );
    }

    #[test]
    fn no_more_than_ten_problems_are_named() {
        let schema = json!({"items": {"type": "string"}});
        let found = problems(&schema, &json!(vec![1; 100]));
        assert_eq!(found.as_array().unwrap().len(), MAX_PROBLEMS);
    }

    #[test]
    fn data_that_is_not_json_is_rejected() {
        let host = host();
        let bad = testing::event(ORDER).bytes("text/plain", "{").build();
        SchemaCheck::default().check(&bad).unwrap();
        assert_eq!(host.sent().len(), 1);
    }

    #[test]
    fn a_bad_schema_is_an_error_that_names_it() {
        let event = testing::event(ORDER).json(&json!({})).build();
        for schema in [
            "{",
            r#"{"type": "no-such-type"}"#,
            r#"{"$ref": "https://nowhere.example/schema"}"#,
        ] {
            let _host = Host::new().config(ORDER, schema);
            let error = SchemaCheck::default().check(&event).unwrap_err();
            assert!(error.to_string().contains(ORDER), "{error}");
        }
    }
}
