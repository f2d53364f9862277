//! Sessions that get what is published to one channel, beside servers that do the like over
//! WebSocket, and beside a bare loop of writes to as many sockets. Each server has the machine to
//! itself while it is measured, and all its clients are one other process: [`client`].
//!
//! What a message is each server says in its own words; its data has 128 bytes everywhere. The
//! loop writes as many bytes as a node does.
//!
//! - `contender` is who is measured: `hearken`, `write_loop`, `nats`, `nchan`, `socket_io`.
//! - `found` is what is measured of them, and `targets` what Hearken's figures are held against.
//! - `cluster` has three servers, over which sessions are spread, and `links` counts what goes
//!   between them.
//! - `storm` has all sessions of a node come back at once, and `room` counts the memory of many
//!   without connections.

mod client;
pub(crate) mod cluster;
mod contender;
mod found;
mod hearken;
mod links;
mod nats;
mod nchan;
mod room;
mod socket_io;
mod storm;
mod targets;
mod write_loop;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::client::Dialect;
use self::contender::Contender;
use self::found::{Found, Sizes};
use crate::Options;
use crate::report::Report;

pub(crate) use self::hearken::run as run_node;

/// The channel of all sessions.
const CHANNEL: &str = "bench:all";

/// The same where publications are kept.
const KEPT_CHANNEL: &str = "kept:all";

/// Bytes of data of a message.
const PAYLOAD: usize = 128;

/// A part of a measurement that is a process of its own.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Part {
    /// All sessions of a server.
    Client,
    /// The loop of writes.
    Writer,
    /// Sessions without connections.
    Room,
}

/// The process of a part.
pub(crate) fn run_part(part: Part) {
    match part {
        Part::Client => client::run(),
        Part::Writer => write_loop::run(),
        Part::Room => room::run(),
    }
}

pub(crate) fn run(report: &mut Report, options: &Options) {
    allow_open_files();
    let sizes = Sizes::of(options.sessions);
    // The first tells how many bytes the loop writes.
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(hearken::Node(Dialect::Hearken)),
        Box::new(write_loop::WriteLoop),
        Box::new(nats::Nats),
        Box::new(nchan::Nchan),
        Box::new(socket_io::SocketIo::default()),
    ];
    contenders.retain(|contender| options.wants(contender.name()));
    contenders.retain_mut(|contender| match contender.prepare() {
        Ok(()) => true,
        Err(reason) => {
            report.skip("sessions", contender.name(), &reason);
            false
        }
    });
    let mut found: Vec<Found> = contenders
        .iter()
        .map(|contender| Found::of(contender.as_ref()))
        .collect();
    let mut frame = 2 * PAYLOAD;
    for repetition in 0..options.repetitions {
        eprintln!("repetition {} of {}", repetition + 1, options.repetitions);
        for (contender, found) in contenders.iter().zip(&mut found) {
            eprintln!("{}", contender.name());
            found.repeat(contender.as_ref(), sizes, frame);
            if contender.name() == hearken::NAME && found.frame > 0 {
                frame = found.frame;
            }
        }
    }
    for found in &found {
        found.tell(report, sizes);
    }
    targets::tell(report, &found, sizes);
    if options.wants(hearken::NAME) {
        storm::measure(report, options, sizes.many);
        measure_room(report, options, sizes.many);
    }
}

/// More sessions than connections can be had for.
fn measure_room(report: &mut Report, options: &Options, many: usize) {
    let sessions = 5 * many;
    let name = format!("{}, idle, {sessions} without connections", hearken::NAME);
    let mut samples = crate::report::Samples::default();
    for _ in 0..options.repetitions {
        match room::bytes_a_session(sessions) {
            Ok(bytes) => samples.push(bytes / 1024.0),
            Err(reason) => return report.skip("sessions", &name, &reason),
        }
    }
    report.push(found::row(name, &samples, "KiB/session"));
}

/// Makes a secret that signs tokens, in a file of this folder.
///
/// # Errors
/// When it cannot be written.
fn secret(folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join("secret");
    let written = std::fs::write(&file, [b's'; 64]);
    written.map_err(|error| error.to_string())?;
    Ok(file)
}

/// Has the processes that are started from here have as many files open as the system lets them.
fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    // Who is refused says so.
    let _ = setrlimit(Resource::Nofile, wanted);
}
