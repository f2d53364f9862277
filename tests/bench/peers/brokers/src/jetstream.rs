//! JetStream: a stream a log, by the client of NATS' makers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::StreamExt;
use hearken_bench_stopwatch::role::DEADLINE;
use hearken_bench_stopwatch::{Append, Error, LogClient};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Messages that are asked for at once.
const BATCH: usize = 1000;

/// A client.
pub struct Client {
    runtime: Runtime,
    context: Context,
    /// How many streams there are.
    streams: usize,
}

fn subject(log: usize) -> String {
    format!("bench.{log}")
}

fn stream(log: usize) -> String {
    format!("bench-{log}")
}

impl Client {
    /// Connects to the server at `HOST:PORT`.
    pub fn connect(server: &str) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let client = runtime.block_on(async_nats::connect(server))?;
        let context = {
            // It starts a task.
            let _entered = runtime.enter();
            jetstream::new(client)
        };
        Ok(Self {
            runtime,
            context,
            streams: 0,
        })
    }

    fn create(&mut self, streams: usize) -> Result<(), Error> {
        for log in self.streams..streams {
            let config = Config {
                name: stream(log),
                subjects: vec![subject(log)],
                storage: StorageType::File,
                ..Config::default()
            };
            let created = self.context.create_stream(config);
            self.runtime.block_on(created)?;
        }
        self.streams = self.streams.max(streams);
        Ok(())
    }
}

impl LogClient for Client {
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        self.create(task.logs)?;
        let subjects: Arc<Vec<String>> = Arc::new((0..task.logs).map(subject).collect());
        let data = Bytes::from(vec![b'x'; task.payload]);
        let end = Instant::now() + task.time();
        self.runtime.block_on(async {
            let mut senders = JoinSet::new();
            for sender in 0..task.window {
                let (context, subjects) = (self.context.clone(), Arc::clone(&subjects));
                let data = data.clone();
                senders.spawn(async move {
                    let mut events = 0;
                    while Instant::now() < end {
                        let log = (sender + events as usize) % subjects.len();
                        let sent = context.publish(subjects[log].clone(), data.clone());
                        // Answered when it is stored.
                        sent.await?.await?;
                        events += 1;
                    }
                    Ok::<_, Error>(events)
                });
            }
            let mut events: u64 = 0;
            while let Some(sent) = senders.join_next().await {
                events += sent??;
            }
            Ok(events)
        })
    }

    fn read(&mut self) -> Result<u64, Error> {
        self.runtime.block_on(async {
            let mut stream = self.context.get_stream(stream(0)).await?;
            let all = stream.info().await?.state.messages;
            let config = pull::Config {
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::None,
                inactive_threshold: Duration::from_secs(60),
                ..pull::Config::default()
            };
            let consumer = stream.create_consumer(config).await?;
            let mut messages = consumer
                .stream()
                .max_messages_per_batch(BATCH)
                .messages()
                .await?;
            let mut events = 0;
            while events < all {
                let next = timeout(DEADLINE, messages.next()).await?;
                next.ok_or("the consumer has ended")??;
                events += 1;
            }
            Ok(events)
        })
    }
}
