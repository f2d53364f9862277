//! A balancer of TCP before several nodes: whoever connects is carried to the next one that
//! takes connections, and knows nothing of which that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::api::Api;

/// An address behind which there are several nodes.
pub struct Balancer {
    /// `HOST:PORT`.
    pub address: String,
    nodes: watch::Sender<Vec<String>>,
    _serving: AbortOnDropHandle<()>,
}

impl Balancer {
    /// One before these nodes.
    pub async fn before(nodes: &[&Api]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (nodes, targets) = watch::channel(nodes.iter().copied().map(target).collect());
        Self {
            address,
            nodes,
            _serving: AbortOnDropHandle::new(tokio::spawn(serve(listener, targets))),
        }
    }

    /// From now on it leads to these; whoever is connected stays.
    pub fn leads_to(&self, nodes: &[&Api]) {
        let targets = nodes.iter().copied().map(target).collect();
        self.nodes.send_replace(targets);
    }

    /// Requests to whichever node.
    pub fn api(&self) -> Api {
        Api::new(format!("http://{}", self.address))
    }
}

fn target(node: &Api) -> String {
    node.url.trim_start_matches("http://").to_owned()
}

async fn serve(listener: TcpListener, targets: watch::Receiver<Vec<String>>) {
    let turns = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (near, _) = accepted.expect("the listener works");
                let targets = targets.borrow().clone();
                connections.spawn(carry(near, targets, Arc::clone(&turns)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries a connection to the next node that takes it, for as long as both ends hold.
async fn carry(mut near: TcpStream, targets: Vec<String>, turns: Arc<AtomicUsize>) {
    for _ in 0..targets.len() {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        let Ok(mut far) = TcpStream::connect(&targets[turn % targets.len()]).await else {
            continue;
        };
        for end in [&near, &far] {
            // Fails when the connection is broken already, which is found below.
            let _ = end.set_nodelay(true);
        }
        // Where either end breaks, so does the other.
        let _ = copy_bidirectional(&mut near, &mut far).await;
        return;
    }
}
