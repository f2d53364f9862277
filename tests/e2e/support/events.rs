//! A live stream of events, as a client reads it.

use std::pin::Pin;

use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::Response;
use serde_json::Value;
use tokio::sync::watch;

use super::DEADLINE;
use super::collected::Collected;

/// An open stream. Reading from it panics when nothing comes.
pub struct Events {
    messages: Pin<Box<dyn Stream<Item = Message> + Send>>,
}

/// One message of a stream.
#[derive(Debug)]
pub struct Message {
    /// The event's type, or `overflow` or `access-ended`.
    pub name: String,
    /// The event as CloudEvents JSON.
    pub data: Value,
}

impl Events {
    pub fn new(response: Response) -> Self {
        let messages = response
            .bytes_stream()
            .eventsource()
            // A broken connection ends the stream like one that was closed.
            .take_while(|message| std::future::ready(message.is_ok()))
            .filter_map(|message| {
                let message = message.ok().map(|message| Message {
                    data: serde_json::from_str(&message.data).expect("data is JSON"),
                    name: message.event,
                });
                std::future::ready(message)
            });
        Self {
            messages: Box::pin(messages),
        }
    }

    /// The same without the events of other sources.
    pub fn from(self, source: &str) -> Self {
        let source = source.to_owned();
        let messages = self
            .messages
            .filter(move |message| std::future::ready(message.data["source"] == *source));
        Self {
            messages: Box::pin(messages),
        }
    }

    /// Reads it from now on as it comes, until it ends or overflows.
    pub fn gather(mut self) -> Collected {
        let (events, read) = watch::channel(Vec::new());
        let reading = tokio::spawn(async move {
            while let Some(message) = self.messages.next().await {
                if message.name == "overflow" {
                    return;
                }
                events.send_modify(|events| events.push(message.data));
            }
        });
        Collected::new(read, reading)
    }

    /// The next message, or nothing when the stream has ended.
    pub async fn message(&mut self) -> Option<Message> {
        tokio::time::timeout(DEADLINE, self.messages.next())
            .await
            .expect("the stream gives something")
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        let message = self.message().await.expect("the stream goes on");
        assert_ne!(message.name, "overflow", "the test reads too slowly");
        message.data
    }

    /// The next `count` events.
    pub async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }

    /// The next event that is wanted; those before it are skipped.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let searching = async {
            loop {
                let event = self.next().await;
                if wanted(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(DEADLINE, searching)
            .await
            .expect("the event comes")
    }

    /// The next event of a type about a subject, e.g. `plugin.failed` about a plugin.
    pub async fn about(&mut self, event_type: &str, subject: &str) -> Value {
        self.until(|event| event["type"] == event_type && event["subject"] == subject)
            .await
    }
}
