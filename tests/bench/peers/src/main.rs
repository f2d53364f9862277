//! Other ways to run untrusted listeners. `hearken-bench` runs this program and
//! asks for one repetition at a time, so that they interleave with its own.
//!
//! Arguments: the core module of the Extism guest, and the component of the typed
//! guest. Every line on stdin is a [`Request`], answered by one line with an
//! [`Answer`]. The program ends with its input.

mod extism_call;
mod fresh_instance;

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use extism_call::ExtismCall;
use fresh_instance::{BestInstance, SpinInstance};

/// What goes wrong is only told, never handled.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Asks for one repetition.
#[derive(Debug, Deserialize)]
struct Request {
    /// Name of the row, e.g. `peer/extism`.
    row: String,
    /// Bytes of data of each event.
    payload: usize,
    /// Length of the repetition.
    milliseconds: u64,
}

/// The result of a repetition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    NsPerEvent(f64),
    /// It cannot be measured here, and why.
    Unavailable(String),
}

/// One way to hand over an event.
trait Peer {
    /// Handles one event with these data.
    fn handle(&mut self, data: &[u8]) -> Result<(), Error>;
}

/// Makes a peer of the Extism module or of the component.
type Open = fn(extism: &Path, component: &Path) -> Result<Box<dyn Peer>, Error>;

/// A peer, made when it is first asked for.
struct Row {
    name: &'static str,
    peer: Option<Result<Box<dyn Peer>, String>>,
    open: Open,
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(extism), Some(component)) = (arguments.next(), arguments.next()) else {
        return Err("usage: hearken-bench-peers EXTISM_MODULE TYPED_COMPONENT".into());
    };
    let mut rows = [
        Row::new("peer/extism", |extism, _| {
            Ok(Box::new(ExtismCall::open(extism)?))
        }),
        Row::new("peer/fresh-instance", |_, component| {
            Ok(Box::new(SpinInstance::open(component)?))
        }),
        Row::new("limit/fresh-instance", |_, component| {
            Ok(Box::new(BestInstance::open(component)?))
        }),
    ];
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let answer = match rows.iter_mut().find(|row| row.name == request.row) {
            Some(row) => row.measure(&request, extism.as_ref(), component.as_ref()),
            None => Answer::Unavailable(format!("there is no row `{}`", request.row)),
        };
        serde_json::to_writer(&mut stdout, &answer)?;
        writeln!(stdout)?;
        stdout.flush()?;
    }
    Ok(())
}

impl Row {
    fn new(name: &'static str, open: Open) -> Self {
        Self {
            name,
            peer: None,
            open,
        }
    }

    fn measure(&mut self, request: &Request, extism: &Path, component: &Path) -> Answer {
        let open = self.open;
        let peer = self
            .peer
            .get_or_insert_with(|| open(extism, component).map_err(|error| error.to_string()));
        match peer {
            Ok(peer) => match repeat(peer.as_mut(), request) {
                Ok(nanoseconds) => Answer::NsPerEvent(nanoseconds),
                Err(error) => Answer::Unavailable(error.to_string()),
            },
            Err(reason) => Answer::Unavailable(reason.clone()),
        }
    }
}

/// Nanoseconds an event.
fn repeat(peer: &mut dyn Peer, request: &Request) -> Result<f64, Error> {
    /// Events between two looks at the clock.
    const BATCH: u32 = 64;
    let data = vec![b'x'; request.payload];
    let length = Duration::from_millis(request.milliseconds);
    for _ in 0..BATCH {
        peer.handle(&data)?;
    }
    let mut events = 0.0;
    let began = Instant::now();
    while began.elapsed() < length {
        for _ in 0..BATCH {
            peer.handle(&data)?;
        }
        events += f64::from(BATCH);
    }
    Ok(began.elapsed().as_nanos() as f64 / events)
}
