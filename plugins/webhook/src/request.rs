//! An event as an HTTP request in the binary mode of CloudEvents.

use hearken_sdk::Event;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What CloudEvents' HTTP binding, section 3.1.3.2, wants encoded in header values
/// beside everything that is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What is posted.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// Names in lower case, values in ASCII.
    pub headers: Vec<(String, String)>,
    /// The event's data.
    pub body: Vec<u8>,
}

impl Request {
    /// The request that posts `event` to `url`.
    pub fn new(url: String, event: &Event) -> Self {
        let mut headers = vec![(
            "content-type".to_owned(),
            event.datacontenttype().to_owned(),
        )];
        let mut attribute = |name: &str, value: &str| {
            let value = utf8_percent_encode(value, ENCODED).to_string();
            headers.push((format!("ce-{name}"), value));
        };
        attribute("specversion", "1.0");
        attribute("id", event.id());
        attribute("source", event.source());
        attribute("type", event.event_type());
        match event.producer_time() {
            Some(time) => attribute("time", time),
            None => {
                let recorded = humantime::format_rfc3339_millis(event.recorded_time());
                attribute("time", &recorded.to_string());
            }
        }
        if let Some(subject) = event.subject() {
            attribute("subject", subject);
        }
        if let Some(traceparent) = event.traceparent() {
            attribute("traceparent", traceparent);
        }
        if let Some(tracestate) = event.tracestate() {
            attribute("tracestate", tracestate);
        }
        for (name, value) in event.extensions() {
            attribute(name, value);
        }
        Self {
            url,
            headers,
            body: event.data_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hearken_sdk::testing;

    use super::*;

    #[test]
    fn attributes_are_headers_and_data_is_the_body() {
        let event = testing::event("custom.webhook.test")
            .subject("caffè \"5 %\"")
            .time(Duration::from_millis(1_700_000_000_123))
            .extension("priority", "3")
            .bytes("text/plain", "hi")
            .build();
        let request = Request::new("http://localhost/".to_owned(), &event);
        let header = |name: &str| {
            let mut all = request.headers.iter();
            all.find(|header| header.0 == name).map(|header| &*header.1)
        };
        assert_eq!(header("content-type"), Some("text/plain"));
        assert_eq!(header("ce-type"), Some("custom.webhook.test"));
        assert_eq!(header("ce-subject"), Some("caff%C3%A8%20%225%20%25%22"));
        assert_eq!(header("ce-time"), Some("2023-11-14T22:13:20.123Z"));
        assert_eq!(header("ce-priority"), Some("3"));
        assert_eq!(request.body, b"hi");
    }
}
