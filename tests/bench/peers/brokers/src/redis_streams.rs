//! Redis Streams: a stream a log.

use std::time::Instant;

use hearken_bench_stopwatch::{Append, Error, LogClient};
use redis::streams::StreamRangeReply;
use redis::{Commands, Connection};

/// Entries of one answer.
const PAGE: usize = 1000;

/// A client with one connection.
pub struct Client {
    connection: Connection,
    /// Entries appended before.
    appended: usize,
}

impl Client {
    /// Appends and reads by this connection.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            appended: 0,
        }
    }
}

fn key(log: usize) -> String {
    format!("bench-{log}")
}

impl LogClient for Client {
    /// What is under way at once is one pipeline, the best that this server can be asked:
    /// it syncs once for all that it has read.
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        let keys: Vec<String> = (0..task.logs).map(key).collect();
        let data = vec![b'x'; task.payload];
        let end = Instant::now() + task.time();
        let mut events = 0;
        while Instant::now() < end {
            let mut pipeline = redis::pipe();
            for _ in 0..task.window {
                let key = &keys[self.appended % keys.len()];
                pipeline.xadd(key, "*", &[("data", &data)]).ignore();
                self.appended += 1;
            }
            pipeline.exec(&mut self.connection)?;
            events += u64::try_from(task.window)?;
        }
        Ok(events)
    }

    fn read(&mut self) -> Result<u64, Error> {
        let (mut events, mut from) = (0, "-".to_owned());
        loop {
            let page: StreamRangeReply = self.connection.xrange_count(key(0), &from, "+", PAGE)?;
            let Some(last) = page.ids.last() else {
                return Ok(events);
            };
            from = format!("({}", last.id);
            events += u64::try_from(page.ids.len())?;
        }
    }
}
