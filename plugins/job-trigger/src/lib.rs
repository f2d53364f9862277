//! An event starts another: the configuration maps the type of the one to the type
//! of the other.

use hearken_sdk::{Event, OutgoingEvent, SendError, config, log, send};

/// Extension that counts the events started one by the other.
const HOPS: &str = "hops";

/// Longest chain of events: mappings may lead in a circle, also over other plugins.
const MAX_HOPS: u32 = 8;

#[derive(Debug, thiserror::Error)]
enum TriggerError {
    #[error(
        "`{from}` would start `{to}`, but {MAX_HOPS} events have started one another already; does the configuration lead in a circle?"
    )]
    Circle { from: String, to: String },
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Send(#[from] SendError),
}

#[hearken_sdk::listener("custom.*")]
fn trigger(event: &Event) -> Result<(), TriggerError> {
    let Some(job) = config::get(event.event_type())? else {
        return Ok(());
    };
    let hops = event
        .extension(HOPS)
        .and_then(|hops| hops.parse().ok())
        .unwrap_or(0);
    if hops >= MAX_HOPS {
        return Err(TriggerError::Circle {
            from: event.event_type().to_owned(),
            to: job,
        });
    }
    let mut started = OutgoingEvent::new(&job)
        .extension(HOPS, (hops + 1).to_string())
        .extension("startedby", event.id());
    if let Some(subject) = event.subject() {
        started = started.subject(subject);
    }
    if !event.data_bytes().is_empty() {
        started = started.bytes(event.datacontenttype(), event.data_bytes());
    }
    let id = send(started)?;
    log::info(format_args!("{} started {job} ({id})", event.event_type()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, Host};

    use super::*;

    #[test]
    fn a_mapped_event_starts_the_other_with_its_subject_and_data() {
        let host = Host::new().config("custom.order.paid", "invoice.create");
        let paid = testing::event("custom.order.paid")
            .id("p-1")
            .subject("order-7")
            .bytes("text/plain", "42")
            .build();
        trigger(&paid).unwrap();
        let started = &host.sent()[0];
        assert_eq!(started.event_type(), "custom.invoice.create");
        assert_eq!(started.subject(), Some("order-7"));
        assert_eq!(started.data_bytes(), b"42");
        assert_eq!(started.datacontenttype(), "text/plain");
        assert_eq!(started.extension("startedby"), Some("p-1"));
    }

    #[test]
    fn other_events_start_nothing() {
        let host = Host::new().config("custom.order.paid", "invoice.create");
        trigger(&testing::event("custom.order.placed").build()).unwrap();
        assert!(host.sent().is_empty());
    }

    #[test]
    fn a_circle_ends() {
        let host = Host::new()
            .config("custom.a", "b")
            .config("custom.b", "custom.a");
        let mut event = testing::event("custom.a").build();
        let error = loop {
            match trigger(&event) {
                Ok(()) => event = host.sent().pop().expect("what was started"),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(host.sent().len(), MAX_HOPS as usize);
        assert!(error.contains("circle"), "{error}");
    }
}
