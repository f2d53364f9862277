//! Validates the data of events against JSON Schemas from the configuration, and
//! publishes `schema.rejected` for each event that does not fit.

use std::collections::HashMap;

use hearken_sdk::{Event, OutgoingEvent, SendError, config, send};
use jsonschema::Validator;
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

/// The schemas that were met so far; there are no more than configured ones.
#[derive(Default)]
struct SchemaCheck {
    validators: HashMap<String, Validator>,
}

#[hearken_sdk::listeners]
impl SchemaCheck {
    #[listener("custom.*")]
    fn check(&mut self, event: &Event) -> Result<(), CheckError> {
        // A rejection that were rejected in turn would have no end.
        if event.event_type() == REJECTED {
            return Ok(());
        }
        let Some(validator) = self.validator(event.event_type())? else {
            return Ok(());
        };
        let problems = problems(validator, event);
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

    fn validator(&mut self, event_type: &str) -> Result<Option<&Validator>, CheckError> {
        if !self.validators.contains_key(event_type) {
            let Some(schema) = config::get(event_type)? else {
                return Ok(None);
            };
            let schema: Value = serde_json::from_str(&schema)
                .map_err(|error| CheckError::NotJson(event_type.to_owned(), error))?;
            let validator = jsonschema::validator_for(&schema).map_err(|error| {
                CheckError::NotASchema(event_type.to_owned(), error.to_string())
            })?;
            self.validators.insert(event_type.to_owned(), validator);
        }
        Ok(self.validators.get(event_type))
    }
}

fn problems(validator: &Validator, event: &Event) -> Vec<Problem> {
    let data: Value = match event.json() {
        Ok(data) => data,
        Err(error) => {
            return vec![Problem {
                at: String::new(),
                problem: error.to_string(),
            }];
        }
    };
    validator
        .iter_errors(&data)
        .take(MAX_PROBLEMS)
        .map(|error| Problem {
            at: error.instance_path().to_string(),
            problem: error.masked().to_string(),
        })
        .collect()
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
        for schema in ["{", r#"{"type": "no-such-type"}"#] {
            let _host = Host::new().config(ORDER, schema);
            let error = SchemaCheck::default().check(&event).unwrap_err();
            assert!(error.to_string().contains(ORDER), "{error}");
        }
    }
}
