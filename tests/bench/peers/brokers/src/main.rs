//! Clients of message brokers. `hearken-bench` runs this program once for each
//! publisher and each subscriber, and tells it what to do: see
//! `hearken_bench_stopwatch`.
//!
//! Arguments: `nats` or `redis`, `publish`, `receive` or `log`, and the `HOST:PORT` of the
//! broker. The program ends with its input.

mod jetstream;
mod nats;
mod redis;
mod redis_streams;

use hearken_bench_stopwatch::log::serve_log;
use hearken_bench_stopwatch::{Error, role};

/// The allocator of the `hearken` command, so that all have the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the events go, whatever the broker calls it.
const TOPIC: &str = "bench.link";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["nats", "publish", broker] => role::publish(nats::Publisher::connect(broker), ""),
        ["nats", "receive", broker] => role::receive(nats::Subscriber::connect(broker), ""),
        ["redis", "publish", broker] => {
            role::publish(redis::connect(broker).map(redis::Publisher::new), "")
        }
        ["redis", "receive", broker] => {
            let mut connection = redis::connect(broker)?;
            role::receive(redis::Subscriber::subscribe(&mut connection), "")
        }
        ["nats", "log", broker] => serve_log(jetstream::Client::connect(broker)),
        ["redis", "log", broker] => {
            serve_log(redis::connect(broker).map(redis_streams::Client::new))
        }
        _ => Err("usage: hearken-bench-brokers nats|redis publish|receive|log HOST:PORT".into()),
    }
}
