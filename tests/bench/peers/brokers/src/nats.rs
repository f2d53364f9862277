//! NATS: plain subjects, by the client of its makers.

use std::pin::pin;

use async_nats::{Client, ConnectOptions};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use hearken_bench_stopwatch::role::DEADLINE;
use hearken_bench_stopwatch::{Error, Publish, Receive};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::TOPIC;

/// Messages that wait for a subscriber: more than one task has, so that the client
/// throws none away.
const AHEAD: usize = 4 << 20;

/// A client, and the threads that it works on: as many as the links of a node have.
struct Connected {
    runtime: Runtime,
    client: Client,
}

impl Connected {
    fn connect(broker: &str) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let options = ConnectOptions::new().subscription_capacity(AHEAD);
        let client = runtime.block_on(options.connect(broker))?;
        Ok(Self { runtime, client })
    }
}

/// Publishes; the client's own queue holds it back.
pub struct Publisher(Connected);

impl Publisher {
    pub fn connect(broker: &str) -> Result<Self, Error> {
        Ok(Self(Connected::connect(broker)?))
    }
}

impl Publish for Publisher {
    fn publish(&mut self, data: &[u8]) -> Result<(), Error> {
        let Connected { runtime, client } = &self.0;
        let mut publish = pin!(client.publish(TOPIC, Bytes::copy_from_slice(data)));
        match publish.as_mut().now_or_never() {
            Some(published) => Ok(published?),
            None => Ok(runtime.block_on(publish)?),
        }
    }
}

/// Subscribes.
pub struct Subscriber {
    connected: Connected,
    messages: async_nats::Subscriber,
}

impl Subscriber {
    pub fn connect(broker: &str) -> Result<Self, Error> {
        let connected = Connected::connect(broker)?;
        let messages = connected.runtime.block_on(async {
            let messages = connected.client.subscribe(TOPIC).await?;
            // Answered when the broker knows of the subscription.
            connected.client.flush().await?;
            Ok::<_, Error>(messages)
        })?;
        Ok(Self {
            connected,
            messages,
        })
    }
}

impl Receive for Subscriber {
    fn receive(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let ended = || Error::from("the subscription has ended");
        let messages = &mut self.messages;
        let next = async { timeout(DEADLINE, messages.next()).await };
        let first = self.connected.runtime.block_on(next)?;
        take(&first.ok_or_else(ended)?.payload)?;
        while let Some(message) = self.messages.next().now_or_never() {
            take(&message.ok_or_else(ended)?.payload)?;
        }
        Ok(())
    }
}
