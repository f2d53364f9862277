//! Drives the client libraries `centrifuge-client` and `tokio-centrifuge`, as they are
//! published, against a node: PORT SECRET. Prints a line for each check; `run.js` beside it
//! starts the node.

mod node;
mod of_centrifuge_client;
mod of_tokio_centrifuge;
mod tokens;

use node::Node;

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1);
    let port = given.next().and_then(|port| port.parse().ok());
    let (Some(port), Some(secret)) = (port, given.next()) else {
        eprintln!("hearken-clients: name the port of a node and the secret of tokens");
        std::process::exit(2);
    };
    let node = Node { port, secret };
    of_centrifuge_client::check_all(&node).await;
    of_tokio_centrifuge::check_all(&node).await;
}
