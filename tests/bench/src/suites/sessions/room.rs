//! What sessions take by themselves, in a process without connections: more of them than
//! there may be open files.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;

use hearken::access::Access;
use hearken::bus::{Bus, BusConfig};
use hearken::channel::{Channels, NodeEnvironment};
use hearken::clock::SystemClock;
use hearken::config::NodeConfig;
use hearken::mesh::Alone;
use hearken::session::{
    AllowedFor, Framing, Namespace, Namespaces, Next, NoHooks, Outbox, Session, Sessions,
    SessionsSettings, Surroundings, Taken, Transport, Variant,
};
use hearken_bench_stopwatch::{Answer, Error};
use hearken_session_protocol::{Encoding, decode};

use super::CHANNEL;
use crate::process::Process;
use crate::usage;

/// Sessions before those that are counted, so that what all share is there.
const BEFORE: usize = 1_000;

/// Bytes of memory that a session adds, of so many.
///
/// # Errors
/// When the process with them fails.
pub(super) fn bytes_a_session(sessions: usize) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut room = Process::start(Command::new(program).args(["--session-part", "room"]))?;
    room.tell(sessions)?;
    room.done()
}

/// The process: for each number that it reads it has as many sessions, and tells what one takes.
pub(crate) fn run() {
    let ready = Answer::Ready(String::new());
    println!("{}", serde_json::to_string(&ready).expect("plain data"));
    for line in std::io::stdin().lines() {
        let told = line.map_err(Error::from);
        let told = told.and_then(|line| measure(line.trim().parse()?));
        let told = told.map_err(|error| error.to_string());
        println!("{}", serde_json::to_string(&told).expect("plain data"));
    }
}

fn measure(count: usize) -> Result<f64, Error> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let sessions = sessions();
        let mut all = Vec::with_capacity(BEFORE + count);
        for _ in 0..BEFORE {
            all.push(subscribed(&sessions).await?);
        }
        let before = usage::of(std::process::id())?.kib;
        for _ in 0..count {
            all.push(subscribed(&sessions).await?);
        }
        let after = usage::of(std::process::id())?.kib;
        drop(all);
        Ok((after - before) * 1024.0 / count as f64)
    })
}

/// Sessions for everybody.
fn sessions() -> Sessions {
    let clock = Arc::new(SystemClock);
    let bus = Bus::new(BusConfig {
        node: "bench".into(),
        incarnation: "bench".to_owned(),
        max_event_bytes: 1 << 20,
        clock: clock.clone(),
    });
    let settings = SessionsSettings {
        anonymous: true,
        max: usize::MAX,
        ..NodeConfig::default().sessions
    };
    let everybody = AllowedFor {
        client: true,
        subscriber: true,
        anonymous: true,
    };
    let namespace = Namespace {
        subscribe: everybody,
        ..Namespace::new("bench")
    };
    let namespaces = BTreeMap::from([(namespace.name.clone(), namespace)]);
    let surroundings = Surroundings {
        channels: Channels::new(&bus),
        bus,
        access: Access::open(clock.clone()),
        environment: Arc::new(NodeEnvironment::new(clock)),
        hooks: Arc::new(NoHooks),
        mesh: Arc::new(Alone("bench".into())),
    };
    Sessions::new(surroundings, settings, Namespaces::of(&namespaces, []).0)
}

/// Somebody who has connected and subscribed, and read the answers.
async fn subscribed(sessions: &Sessions) -> Result<Session, Error> {
    let transport = Transport {
        variant: Variant {
            encoding: Encoding::Json,
            framing: Framing::WebSocket,
        },
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        headers: Vec::new(),
        pings: true,
        has_secret: false,
    };
    let settings = sessions.settings();
    let outbox = Arc::new(Outbox::new(settings.queue_max_size, || {}));
    let session = sessions.connect(transport, Arc::clone(&outbox));
    let said = format!(
        "{{\"connect\":{{}},\"id\":1}}\n{{\"subscribe\":{{\"channel\":\"{CHANNEL}\"}},\"id\":2}}"
    );
    let limits = Session::decode_limits(settings.max_message);
    for command in decode(Encoding::Json, said.as_bytes(), &limits)? {
        if session.handle(command).await == Next::End {
            return Err("a session has ended".into());
        }
    }
    while let Taken::Frames(frames) = outbox.take(usize::MAX) {
        let answers = frames.concat();
        if answers.windows(8).any(|eight| eight == b"\"error\":") {
            return Err(String::from_utf8_lossy(&answers).into());
        }
    }
    Ok(session)
}
