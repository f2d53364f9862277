//! A way to a node that can be broken, blocked and slowed down, as networks are.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Most bytes that are carried at a time.
const CHUNK: usize = 16 << 10;

/// What is wrong with a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections break, and new ones are closed at once.
    Refused,
    /// Nothing arrives and nobody answers, but connections stay.
    Silent,
    /// So many bytes pass in a second, in each direction of each connection.
    Slow(u32),
}

#[derive(Clone, Copy, Debug)]
struct State {
    fault: Fault,
    cuts: u64,
}

/// What the connections through one or several gates go over.
pub struct Cable(watch::Sender<State>);

/// An address that leads to a node.
pub struct Gate {
    /// `HOST:PORT` at which it is entered.
    pub address: String,
    target: watch::Sender<Option<String>>,
    _serving: AbortOnDropHandle<()>,
}

impl Cable {
    /// One without fault.
    pub fn new() -> Self {
        Self(watch::Sender::new(State {
            fault: Fault::None,
            cuts: 0,
        }))
    }

    /// From now on this is wrong with it.
    pub fn fails(&self, fault: Fault) {
        self.0.send_modify(|state| state.fault = fault);
    }

    /// Breaks all connections that there are.
    pub fn cut(&self) {
        self.0.send_modify(|state| state.cuts += 1);
    }

    /// A gate, which leads nowhere yet.
    pub async fn gate(&self) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (target, targeted) = watch::channel(None);
        let serving = tokio::spawn(serve(listener, targeted, self.0.subscribe()));
        Gate {
            address,
            target,
            _serving: AbortOnDropHandle::new(serving),
        }
    }
}

impl Gate {
    /// From now on it leads to this address.
    pub fn leads_to(&self, address: &str) {
        self.target.send_replace(Some(address.to_owned()));
    }
}

async fn serve(
    listener: TcpListener,
    target: watch::Receiver<Option<String>>,
    mut state: watch::Receiver<State>,
) {
    let mut connections = JoinSet::new();
    loop {
        let silent = state.borrow_and_update().fault == Fault::Silent;
        tokio::select! {
            accepted = listener.accept(), if !silent => {
                let (near, _) = accepted.expect("the listener works");
                connections.spawn(carry(near, target.borrow().clone(), state.clone()));
            }
            changed = state.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection for as long as it holds.
async fn carry(near: TcpStream, target: Option<String>, mut state: watch::Receiver<State>) {
    let State { fault, cuts } = *state.borrow();
    let Some(target) = target.filter(|_| fault != Fault::Refused) else {
        return;
    };
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    for end in [&near, &far] {
        // Fails when the connection is broken already, which is found below.
        let _ = end.set_nodelay(true);
    }
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let there = pump(from_near, to_far, state.clone());
    let back = pump(from_far, to_near, state.clone());
    tokio::select! {
        _ = async { tokio::try_join!(there, back) } => {}
        _ = state.wait_for(|now| now.cuts != cuts || now.fault == Fault::Refused) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await?;
        let passing = state.wait_for(|state| state.fault != Fault::Silent).await;
        let Ok(fault) = passing.map(|state| state.fault) else {
            return Ok(());
        };
        if read == 0 {
            return to.shutdown().await;
        }
        if let Fault::Slow(bytes) = fault {
            let share = f64::from(u32::try_from(read).expect("a chunk")) / f64::from(bytes);
            tokio::time::sleep(Duration::from_secs_f64(share)).await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
