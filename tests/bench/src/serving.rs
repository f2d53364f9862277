//! A node in a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hearken::config::NodeConfig;
use hearken::node::{Listeners, Node};
use hearken_bench_stopwatch::{Answer, Error};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

/// Any port of this machine.
pub(crate) const FREE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The process of a node: says where others reach it, and ends with its input.
pub(crate) fn run(config: NodeConfig) {
    let runtime = tokio::runtime::Runtime::new();
    let served = runtime.map_err(Error::from);
    let served = served.and_then(|runtime| runtime.block_on(serve(config)));
    if let Err(error) = served {
        eprintln!("a node has failed: {error}");
    }
}

async fn serve(config: NodeConfig) -> Result<(), Error> {
    let listeners = Listeners::bind(&config).await?;
    let node = Node::start(config, listeners).await?;
    let ready = Answer::Ready(node.address().to_string());
    println!("{}", serde_json::to_string(&ready)?);
    let stop = CancellationToken::new();
    let ended = stop.clone();
    tokio::spawn(async move {
        let mut rest = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
        ended.cancel();
    });
    node.run(stop).await?;
    Ok(())
}
