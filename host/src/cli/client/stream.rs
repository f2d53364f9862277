//! A live stream of events (server-sent events).

use std::pin::Pin;

use eventsource_stream::{Event as Message, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::{Response, Url};
use serde::Deserialize;

use super::error::{ClientError, shown};

type Messages =
    Pin<Box<dyn Stream<Item = Result<Message, EventStreamError<reqwest::Error>>> + Send>>;

/// A stream that the node opened.
pub(in crate::cli) struct EventStream {
    base: Url,
    messages: Messages,
}

/// Data of the message with which a node ends a stream that is not read.
#[derive(Deserialize)]
struct Overflow {
    dropped: u64,
}

/// Data of the message with which a node ends a stream whose client may not hear it any more.
#[derive(Deserialize)]
struct AccessEnded {
    reason: String,
}

impl EventStream {
    pub(super) fn new(base: Url, response: Response) -> Self {
        Self {
            base,
            messages: Box::pin(response.bytes_stream().eventsource()),
        }
    }

    /// The next event as CloudEvents JSON, on one line.
    ///
    /// # Errors
    /// The stream is over, and why. Ask no more then.
    pub(in crate::cli) async fn next(&mut self) -> Result<String, ClientError> {
        let host = || shown(&self.base);
        match self.messages.next().await {
            None => Err(ClientError::StreamEnded { host: host() }),
            // Types of events are dotted, so this is none.
            Some(Ok(message)) if message.event == "overflow" => {
                let overflow: Option<Overflow> = serde_json::from_str(&message.data).ok();
                Err(ClientError::StreamOverflowed {
                    host: host(),
                    dropped: overflow.map(|overflow| overflow.dropped),
                })
            }
            Some(Ok(message)) if message.event == "access-ended" => {
                let ended: Option<AccessEnded> = serde_json::from_str(&message.data).ok();
                Err(ClientError::AccessEnded {
                    host: host(),
                    reason: ended.map(|ended| ended.reason),
                })
            }
            Some(Ok(message)) => Ok(message.data),
            Some(Err(EventStreamError::Transport(error))) => {
                Err(ClientError::transport(&self.base, &error))
            }
            Some(Err(error)) => Err(ClientError::Broken {
                host: host(),
                reason: error.to_string(),
            }),
        }
    }
}
