//! Sessions of several nodes behind a balancer that knows nothing of them: whoever is moved
//! from one to another notices nothing, or is told once what it has missed.

mod anywhere;
mod checked;
mod commanded;
mod first;
mod frozen;
mod killed;
mod log_away;
mod moved;
mod publishers;
mod upgraded;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::checked::{Told, check};
use self::publishers::{Acknowledged, Publishers, publish};
use super::{CONFIGURATION, SERVER_KEY, configured, until_gone};
use crate::support::api::{Api, answer};
use crate::support::balancer::Balancer;
use crate::support::cluster::{linked, node};
use crate::support::process::NodeProcess;
use crate::support::roaming::{Noted, Publication, Roamer};
use crate::support::{DEADLINE, POLL};

/// Beside those of one node: a log that lies on the first, and who is there.
const ACROSS: &str = r#"
[channels.orders]
node = "a"

[sessions.namespaces.here]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
presence = true

[sessions.namespaces.live]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_client = true
allow_publish_for_anonymous = true

[sessions.namespaces.ticket]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
durable = true
history_size = 100
history_ttl = "5m"
"#;

/// Says how many sessions there are.
const SESSIONS: &str = "SESSIONS_ACROSS_NODES";

/// Channels with a history in memory: so many that each node is the home of some.
const CHATS: usize = 24;

/// To how many of them each session is subscribed.
const CHATS_OF_EACH: usize = 3;

/// Publishers, between whom the channels are divided.
const PUBLISHERS: usize = 3;

/// Between two publications of one.
const PAUSE: Duration = Duration::from_millis(10);

/// The log.
const LOG: &str = "orders";

/// Where it is seen who is there.
const HERE: &str = "here:all";

/// A channel without history.
const LIVE: &str = "live:all";

/// How many sessions there are.
fn sessions() -> usize {
    let said = std::env::var(SESSIONS);
    said.map_or(150, |count| count.parse().expect("a number"))
}

fn chat(number: usize) -> String {
    format!("chat:{}", number % CHATS)
}

/// Nodes before which there is a balancer.
struct House {
    nodes: BTreeMap<&'static str, NodeProcess>,
    balancer: Balancer,
    configuration: PathBuf,
    _folder: TempDir,
}

impl House {
    /// The linked nodes `a`, `b` and `c`.
    async fn new() -> Self {
        Self::with(&format!("{CONFIGURATION}{ACROSS}")).await
    }

    /// The same, of another configuration.
    async fn with(text: &str) -> Self {
        let (folder, configuration) = configured(text);
        let file = configuration.display().to_string();
        let a = node("a").with(&["--config", &file]).start().await;
        let address = a.cluster_address().await;
        let (b, c) = tokio::join!(start("b", &file, &address), start("c", &file, &address),);
        linked(&[&a, &b, &c]).await;
        Self {
            balancer: Balancer::before(&[&a, &b, &c]).await,
            nodes: [("a", a), ("b", b), ("c", c)].into(),
            configuration,
            _folder: folder,
        }
    }

    fn node(&self, name: &str) -> &NodeProcess {
        &self.nodes[name]
    }

    /// One more, to which the balancer leads from now on too.
    async fn join(&mut self, name: &'static str) {
        let file = self.configuration.display().to_string();
        let address = self.node("a").cluster_address().await;
        let joined = start(name, &file, &address).await;
        self.nodes.insert(name, joined);
        linked(&self.nodes.values().collect::<Vec<_>>()).await;
        self.balance();
    }

    /// The node is none of them any more.
    fn take(&mut self, name: &str) -> NodeProcess {
        let taken = self.nodes.remove(name).expect("it is there");
        self.balance();
        taken
    }

    fn balance(&self) {
        let nodes: Vec<&Api> = self.nodes.values().map(|node| &**node).collect();
        self.balancer.leads_to(&nodes);
    }

    /// Sessions that are subscribed to some chats, the log, and where it is seen who is there.
    async fn visitors(&self) -> Vec<Roamer> {
        let channels = |number: usize| {
            let chats = (0..CHATS_OF_EACH).map(move |at| chat(number * 5 + at * 7));
            chats.chain([LOG, HERE, LIVE].map(str::to_owned))
        };
        let address = &self.balancer.address;
        let visitors = (0..sessions()).map(|number| Roamer::at(address, channels(number)));
        let visitors: Vec<Roamer> = visitors.collect();
        for visitor in &visitors {
            visitor.settled().await;
        }
        visitors
    }

    /// Waits until every node says that these sessions, and no others, are there.
    async fn until_present(&self, visitors: &[Roamer]) {
        for (name, node) in &self.nodes {
            let mut seen = BTreeSet::new();
            let mut wanted = BTreeSet::new();
            let waiting = async {
                loop {
                    seen = present(node).await;
                    wanted = visitors.iter().filter_map(|it| it.noted().id).collect();
                    if seen == wanted && wanted.len() == visitors.len() {
                        return;
                    }
                    sleep(POLL).await;
                }
            };
            if timeout(DEADLINE, waiting).await.is_err() {
                let ghosts = seen.difference(&wanted).count();
                let missing = wanted.difference(&seen).count();
                panic!("on `{name}` {ghosts} are there that are not, and {missing} are not seen");
            }
        }
    }

    /// Checks that every node lists each of the sessions once, and none that is not there.
    async fn check_list(&self, visitors: &[Roamer]) {
        let mut wanted: Vec<String> = visitors.iter().filter_map(|it| it.noted().id).collect();
        wanted.sort_unstable();
        for (name, node) in &self.nodes {
            assert_eq!(listed(node).await, wanted, "by `{name}`");
        }
    }
}

async fn start(name: &str, file: &str, address: &str) -> NodeProcess {
    let node = node(name).with(&["--config", file]).joins(address);
    node.start().await
}

/// What a server is answered.
async fn call(node: &Api, method: &str, parameters: &Value) -> Value {
    let request = node
        .request(Method::POST, &format!("/api/{method}"))
        .header("x-api-key", SERVER_KEY)
        .json(parameters);
    answer(request).await.json().await.expect("JSON")
}

/// The result of a command of a server, which succeeds, once it is not refused for now.
async fn command(node: &Api, method: &str, parameters: &Value) -> Value {
    let commanding = async {
        loop {
            let mut answer = call(node, method, parameters).await;
            let result = answer["result"].take();
            if result.is_object() {
                return result;
            }
            assert_eq!(answer["error"]["code"], 100, "{method} {parameters}");
            sleep(POLL).await;
        }
    };
    let commanded = timeout(DEADLINE, commanding).await;
    commanded.unwrap_or_else(|_| panic!("{method} {parameters} is always refused"))
}

/// The clients that the node says are there.
async fn present(node: &Api) -> BTreeSet<String> {
    let result = command(node, "presence", &json!({ "channel": HERE })).await;
    let present = result["presence"].as_object().expect("an object");
    present.keys().cloned().collect()
}

/// The clients that the node lists, page by page, in the order in which it does.
async fn listed(node: &Api) -> Vec<String> {
    let mut clients: Vec<String> = Vec::new();
    loop {
        let after = clients.last().map(|last| format!("&after={last}"));
        let path = format!("/v1/sessions?limit=40{}", after.unwrap_or_default());
        let page: Value = node.get(&path).await.json().await.expect("JSON");
        let sessions = page["sessions"].as_array().expect("sessions").iter();
        let ids = sessions.map(|session| session["id"].as_str().expect("an id"));
        clients.extend(ids.map(str::to_owned));
        if page["next"].is_null() {
            return clients;
        }
    }
}
