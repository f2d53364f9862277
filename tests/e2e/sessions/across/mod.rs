//! Sessions of several nodes behind a balancer that knows nothing of them: whoever is moved
//! from one to another notices nothing, or is told once what it has missed.

mod killed;
mod log_away;
mod moved;
mod upgraded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{CONFIGURATION, SERVER_KEY, configured};
use crate::support::api::Api;
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
        let (folder, configuration) = configured(&format!("{CONFIGURATION}{ACROSS}"));
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

/// The clients that the node says are there.
async fn present(node: &Api) -> BTreeSet<String> {
    let request = node
        .request(Method::POST, "/api/presence")
        .header("x-api-key", SERVER_KEY)
        .json(&json!({ "channel": HERE }));
    let answer = request.send().await.expect("the node is there");
    let answer: Value = answer.json().await.expect("JSON");
    let present = answer["result"]["presence"].as_object();
    let present = present.unwrap_or_else(|| panic!("{answer}"));
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

/// What was published and acknowledged: channel, epoch, number and data.
#[derive(Clone, Debug)]
struct Acknowledged {
    channel: String,
    epoch: String,
    offset: u64,
    data: Value,
}

/// Those who publish through the balancer, without a pause that anybody would notice.
struct Publishers {
    stop: CancellationToken,
    tasks: JoinSet<Vec<Acknowledged>>,
}

impl Publishers {
    fn start(house: &House) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let channels = (publisher..CHATS).step_by(PUBLISHERS).map(chat);
            let mut channels: Vec<String> = channels.collect();
            channels.push(LOG.to_owned());
            let (api, stop) = (house.balancer.api(), stop.clone());
            tasks.spawn(publish_all(api, publisher, channels, stop));
        }
        Self { stop, tasks }
    }

    /// Has them go on for so long.
    async fn go_on(&self, time: Duration) {
        sleep(time).await;
    }

    /// Has them end, and tells what they have published, in the order of each.
    async fn end(mut self) -> Vec<Acknowledged> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(published) = self.tasks.join_next().await {
            all.extend(published.expect("all is acknowledged"));
        }
        all
    }
}

async fn publish_all(
    api: Api,
    publisher: usize,
    channels: Vec<String>,
    stop: CancellationToken,
) -> Vec<Acknowledged> {
    let mut all = Vec::new();
    for (number, channel) in channels.iter().cycle().enumerate() {
        if stop.is_cancelled() {
            break;
        }
        let data = json!({ "by": publisher, "n": number });
        let receipt = publish(&api, &format!("{publisher}-{number}"), channel, &data).await;
        all.push(Acknowledged {
            channel: channel.clone(),
            epoch: receipt["epoch"].as_str().expect("an epoch").to_owned(),
            offset: receipt["sequence"].as_u64().expect("a number"),
            data,
        });
        sleep(PAUSE).await;
    }
    all
}

/// Publishes until that is acknowledged, again and again under the same id.
async fn publish(api: &Api, id: &str, channel: &str, data: &Value) -> Value {
    let event = json!({ "type": "said", "id": id, "channel": channel, "data": data });
    let mut last = String::new();
    let publishing = async {
        loop {
            let request = api.request(Method::POST, "/v1/events").json(&event);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(receipt) = answer.json::<Value>().await {
                        return receipt;
                    }
                }
                Ok(answer) => {
                    let status = answer.status();
                    last = format!("{status}: {}", answer.text().await.unwrap_or_default());
                    assert!(
                        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                        "{channel}: {last}"
                    );
                }
                Err(error) => last = error.to_string(),
            }
            sleep(POLL).await;
        }
    };
    let published = timeout(DEADLINE, publishing).await;
    published.unwrap_or_else(|_| panic!("nothing can be published to {channel}: {last}"))
}

/// What became of a channel.
#[derive(Debug, Default)]
struct Told {
    /// The epochs in which something was acknowledged.
    epochs: BTreeSet<String>,
    /// By session: how often it was told that something is lost.
    lost: Vec<usize>,
    /// How many were told that they have all.
    recovered: usize,
}

/// Waits until all have got what there is to get, and checks what always holds: one order in
/// each epoch, nothing twice in it, nothing of it missing for whoever was not told so.
async fn check(visitors: &[Roamer], all: &[Acknowledged]) -> BTreeMap<String, Told> {
    let mut ends: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    let mut logs: BTreeMap<(&str, &str), BTreeMap<u64, Value>> = BTreeMap::new();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for one in all {
        let (channel, epoch) = (one.channel.as_str(), one.epoch.as_str());
        told.entry(one.channel.clone())
            .or_default()
            .epochs
            .insert(one.epoch.clone());
        // Each channel has one publisher but the log, which has one epoch.
        let end = ends.entry(channel).or_insert((epoch, 0));
        *end = match end.0 == epoch {
            true => (epoch, end.1.max(one.offset)),
            false => (epoch, one.offset),
        };
        let before = logs
            .entry((channel, epoch))
            .or_default()
            .insert(one.offset, one.data.clone());
        assert!(before.is_none_or(|it| it == one.data), "twice: {one:?}");
    }
    let mut notes = Vec::new();
    for visitor in visitors {
        let is_there = |noted: &Noted| {
            noted.channels.iter().all(|(name, channel)| {
                ends.get(name.as_str()).is_none_or(|(epoch, offset)| {
                    let position = channel.position.as_ref();
                    position.is_some_and(|at| at.0 == *epoch && at.1 >= *offset)
                })
            })
        };
        notes.push(
            visitor
                .until(&format!("having all of {ends:?}"), is_there)
                .await,
        );
    }
    for (number, noted) in notes.iter().enumerate() {
        assert_eq!(noted.wrong, [""; 0], "session {number}");
        assert_eq!(noted.refused, [""; 0], "session {number}");
        for (name, channel) in &noted.channels {
            for Publication {
                epoch,
                offset,
                data,
                ..
            } in &channel.publications
            {
                if *offset == 0 {
                    continue;
                }
                // What was not acknowledged may be there all the same.
                let log = logs.entry((name, epoch)).or_default();
                let known = log.entry(*offset).or_insert_with(|| data.clone());
                assert_eq!(
                    known, data,
                    "{offset} of {epoch} in {name}, session {number}"
                );
            }
            let told = told.entry(name.clone()).or_default();
            told.lost.push(channel.lost);
            told.recovered += channel.recovered;
        }
    }
    for ((channel, epoch), log) in &logs {
        let distinct: BTreeSet<String> = log.values().map(Value::to_string).collect();
        assert_eq!(
            distinct.len(),
            log.len(),
            "something is twice in {epoch} of {channel}"
        );
    }
    // Whoever was told of no loss has all of it from the first on.
    for (number, noted) in notes.iter().enumerate() {
        for (name, channel) in &noted.channels {
            let Some((epoch, end)) = ends.get(name.as_str()) else {
                continue;
            };
            if channel.lost == 0 {
                let offsets = channel.publications.iter().map(|it| it.offset);
                let offsets: Vec<u64> = offsets.take_while(|offset| offset <= end).collect();
                let wanted: Vec<u64> = (1..=*end).collect();
                assert_eq!(offsets, wanted, "{epoch} of {name}, session {number}");
            }
        }
    }
    told
}
