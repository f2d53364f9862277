//! A cache that every node keeps for itself, in memory, and that one distributed
//! event invalidates everywhere.

mod store;

use hearken_sdk::{Event, OutgoingEvent, SendError, config, send};
use serde::Serialize;
use serde_json::value::RawValue;

use store::Store;

/// Where an answer goes when the question has no `replyto`.
const DEFAULT_REPLY_TYPE: &str = "cache.value";

/// Bytes of keys and values unless `max_bytes` says otherwise.
const DEFAULT_MAX_BYTES: usize = 16 << 20;

#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error("the event has no subject; the subject is the key")]
    NoKey,
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Send(#[from] SendError),
}

/// The answer to `cache.get`; its subject is the key.
#[derive(Serialize)]
struct Answer<'a> {
    /// Id of the event that asked.
    request: &'a str,
    found: bool,
    value: Option<&'a RawValue>,
}

#[derive(Default)]
struct Cache {
    store: Store,
}

#[hearken_sdk::listeners]
impl Cache {
    #[listener("custom.cache.put", local_only)]
    fn put(&mut self, event: &Event, value: Box<RawValue>) -> Result<(), CacheError> {
        let key = event.subject().ok_or(CacheError::NoKey)?;
        let max_bytes = config::parse("max_bytes")?.unwrap_or(DEFAULT_MAX_BYTES);
        self.store.put(key, value, max_bytes);
        Ok(())
    }

    #[listener("custom.cache.get", local_only)]
    fn get(&mut self, event: &Event) -> Result<(), CacheError> {
        let key = event.subject().ok_or(CacheError::NoKey)?;
        let value = self.store.get(key);
        let answer = Answer {
            request: event.id(),
            found: value.is_some(),
            value,
        };
        let reply_type = event.reply_to().unwrap_or(DEFAULT_REPLY_TYPE);
        send(OutgoingEvent::new(reply_type).subject(key).json(&answer))?;
        Ok(())
    }

    /// From any node: with a subject that key, without one everything.
    #[listener("custom.cache.invalidate")]
    fn invalidate(&mut self, event: &Event) {
        match event.subject() {
            Some(key) => self.store.remove(key),
            None => self.store.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, EventBuilder, Host, deliver};
    use serde_json::{Value, json};

    fn put(key: &str, value: &Value) -> EventBuilder {
        testing::event("custom.cache.put").subject(key).json(value)
    }

    fn ask(host: &Host, key: &str) -> Value {
        deliver(&testing::event("custom.cache.get").subject(key).build()).unwrap();
        let answer = host.sent().pop().expect("an answer");
        assert_eq!(answer.event_type(), "custom.cache.value");
        assert_eq!(answer.subject(), Some(key));
        answer.json().unwrap()
    }

    #[test]
    fn what_is_put_is_got_until_it_is_invalidated() {
        let host = Host::new();
        assert_eq!(
            ask(&host, "a"),
            json!({"request": "1", "found": false, "value": null})
        );
        deliver(&put("a", &json!({"x": 1})).build()).unwrap();
        deliver(&put("b", &json!(null)).build()).unwrap();
        assert_eq!(ask(&host, "a")["value"], json!({"x": 1}));
        assert_eq!(ask(&host, "b")["found"], true);

        let invalidate = || testing::event("custom.cache.invalidate").from_node("elsewhere");
        deliver(&invalidate().subject("a").build()).unwrap();
        assert_eq!(ask(&host, "a")["found"], false);
        assert_eq!(ask(&host, "b")["found"], true);
        deliver(&invalidate().build()).unwrap();
        assert_eq!(ask(&host, "b")["found"], false);
    }

    #[test]
    fn the_answer_goes_where_the_question_says() {
        let host = Host::new();
        let question = testing::event("custom.cache.get")
            .subject("a")
            .extension("replyto", "my.answer")
            .build();
        deliver(&question).unwrap();
        assert_eq!(host.sent()[0].event_type(), "custom.my.answer");
    }

    #[test]
    fn other_nodes_values_are_not_kept_but_their_invalidations_count() {
        let heard = |event_type: &str| {
            let event = testing::event(event_type).from_node("elsewhere").build();
            let filters = testing::listeners();
            filters.iter().any(|(_, filter)| filter.matches(&event))
        };
        assert!(!heard("custom.cache.put"));
        assert!(!heard("custom.cache.get"));
        assert!(heard("custom.cache.invalidate"));
    }

    #[test]
    fn the_oldest_values_make_room() {
        // Room for three of them.
        let host = Host::new().config("max_bytes", "450");
        let value = json!("x".repeat(10));
        for key in ["a", "b", "c"] {
            deliver(&put(key, &value).build()).unwrap();
            assert_eq!(ask(&host, "a")["found"], true, "just asked for");
        }
        assert_eq!(ask(&host, "b")["found"], true);
        deliver(&put("d", &value).build()).unwrap();
        assert_eq!(ask(&host, "c")["found"], false);
    }

    #[test]
    fn a_key_is_needed() {
        let error = deliver(&testing::event("custom.cache.get").build()).unwrap_err();
        assert!(error.contains("subject is the key"), "{error}");
    }
}
