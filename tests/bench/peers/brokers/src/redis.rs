//! Redis: its publish and subscribe.

use hearken_bench_stopwatch::role::DEADLINE;
use hearken_bench_stopwatch::{Error, Publish, Receive};
use redis::{Connection, Pipeline, PubSub};

use crate::TOPIC;

/// Commands that are sent at once.
const PIPELINED: usize = 512;

/// Connects to the broker at `HOST:PORT`.
pub fn connect(broker: &str) -> Result<Connection, Error> {
    let connection = redis::Client::open(format!("redis://{broker}"))?.get_connection()?;
    connection.set_read_timeout(Some(DEADLINE))?;
    Ok(connection)
}

/// Publishes in batches, and waits for the answers to each.
pub struct Publisher {
    connection: Connection,
    pipeline: Pipeline,
    waiting: usize,
}

impl Publisher {
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            pipeline: redis::pipe(),
            waiting: 0,
        }
    }
}

impl Publish for Publisher {
    fn publish(&mut self, data: &[u8]) -> Result<(), Error> {
        self.pipeline.publish(TOPIC, data).ignore();
        self.waiting += 1;
        if self.waiting == PIPELINED {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.waiting > 0 {
            self.pipeline.exec(&mut self.connection)?;
            self.pipeline.clear();
            self.waiting = 0;
        }
        Ok(())
    }
}

/// Subscribes, for as long as it has the connection.
pub struct Subscriber<'c>(PubSub<'c>);

impl<'c> Subscriber<'c> {
    pub fn subscribe(connection: &'c mut Connection) -> Result<Self, Error> {
        let mut messages = connection.as_pubsub();
        messages.subscribe(TOPIC)?;
        Ok(Self(messages))
    }
}

impl Receive for Subscriber<'_> {
    fn receive(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        take(self.0.get_message()?.get_payload_bytes())
    }
}
