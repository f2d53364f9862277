//! What a client publishes.

use std::borrow::Cow;
use std::sync::Arc;

use hearken::event::{Draft, EventType};
use hearken::session::PublishOptions;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{ANSWER, Asked, Visit, principal};
use crate::node::now;
use crate::sessions::Author;
use crate::sessions::histories::{Position, Said};

/// One publication of so many is large, where some are.
const LARGE: u32 = 8;

/// Most bytes of what makes it so.
const MOST: usize = 40 << 10;

impl Visit {
    /// Publishes something to one of its channels; whether it stays.
    pub(super) async fn publish(&mut self) -> bool {
        let unacknowledged = self.with(|_, client| client.unacknowledged.clone());
        let (is_quiet, is_called) = {
            let mut ledger = self.context.ledger.borrow_mut();
            let calls_roll = ledger.visits.calls_roll;
            (
                ledger.quiet,
                calls_roll && ledger.visits.called.insert(self.client),
            )
        };
        if is_quiet && !is_called && unacknowledged.is_none() {
            return true;
        }
        if !is_called && (unacknowledged.is_some() || self.random.random_bool(0.7)) {
            self.publish_to_history(unacknowledged).await;
            return self.hear().await;
        }
        let channel = self.with(|_, client| client.live.clone());
        let number = {
            let mut ledger = self.context.ledger.borrow_mut();
            let key = (channel.clone(), self.author);
            let number = ledger.visits.live.entry(key).or_default();
            *number += 1;
            *number
        };
        let Author { client, visit } = self.author;
        let mut data = json!({ "client": client, "visit": visit, "number": number });
        self.fill(&mut data);
        let request = json!({ "publish": { "channel": channel, "data": data } });
        self.ask(Asked::Publish(channel), request).await
    }

    /// Makes what is published large now and then, where some of it is.
    fn fill(&mut self, data: &mut Value) {
        let is_large = self.context.ledger.borrow().visits.is_large;
        if is_large && self.random.random_ratio(1, LARGE) {
            let length = self.random.random_range(0..MOST);
            data["filler"] = "x".repeat(length).into();
        }
    }

    /// Publishes something, or once more what it has published to this channel.
    async fn publish_to_history(&mut self, unacknowledged: Option<String>) {
        let (channel, number) = match unacknowledged {
            Some(channel) => (channel, self.with(|_, client| client.published)),
            None => {
                let at = self.random.random_range(0..2_usize);
                self.with(|_, client| {
                    let channel = client.kept.keys().nth(at).expect("two").clone();
                    client.published += 1;
                    client.unacknowledged = Some(channel.clone());
                    (channel, client.published)
                })
            }
        };
        let said = Said {
            client: self.client,
            number,
        };
        let mut data = json!({ "client": said.client, "number": said.number });
        self.fill(&mut data);
        let draft = Draft {
            data: Some(Cow::Owned(data.to_string().into_bytes())),
            ..Draft::new(EventType::custom("said").expect("a valid type"))
        };
        let options = PublishOptions {
            idempotency_key: Some(format!("{}-{number}", self.client)),
            ..PublishOptions::default()
        };
        let principal = principal(self.client);
        let publisher = Arc::clone(&self.publisher);
        let publishing = self
            .sessions
            .publish_anywhere(publisher, &principal, &channel, draft, options);
        match timeout(ANSWER, publishing).await {
            Err(_) => self.violate(&format!("publishing to {channel} is not answered")),
            Ok(Err(refused)) => self.refused(&format!("publishing to {channel}: {refused:?}")),
            Ok(Ok(receipt)) => {
                self.with(|_, client| client.unacknowledged = None);
                let Some(position) = receipt.position else {
                    self.violate(&format!("{channel}: acknowledged without a place"));
                    return;
                };
                let position = Position {
                    epoch: (*position.epoch).to_owned(),
                    offset: position.offset,
                };
                let mut ledger = self.context.ledger.borrow_mut();
                let note = format_args!("{said:?} is at {position:?} of {channel}");
                ledger.trace.note(now(), note);
                let noted = ledger
                    .visits
                    .histories
                    .note(&channel, &position, said, true);
                if let Err(what) = noted {
                    self.violate_in(&mut ledger, &what);
                }
            }
        }
    }
}
