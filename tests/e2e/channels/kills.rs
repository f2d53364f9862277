//! A node that is killed amid its work, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{all, append, sequences, stored};
use crate::support::api::Api;
use crate::support::process::NodeProcess;

/// How often it is killed, unless `CHANNEL_KILLS` says otherwise.
const KILLS: usize = 20;

/// Who appends at the same time.
const WRITERS: usize = 8;

/// How many appends are acknowledged before it is killed.
const ACKNOWLEDGED: usize = 40;

/// What its clients know.
#[derive(Default)]
struct Known {
    /// Ids of events that were acknowledged, with their numbers.
    acknowledged: BTreeMap<String, u64>,
    /// Ids of events that were sent and never answered.
    unsure: BTreeSet<String>,
}

/// Appends until the node does not answer any more.
async fn write(api: Api, name: String, known: Arc<Mutex<Known>>, count: watch::Sender<usize>) {
    for n in 0.. {
        let id = format!("{name}-{n}");
        let sent = append(&api, "orders", &id).send().await;
        let receipt = match sent {
            Ok(response) if response.status().is_success() => response.json::<Value>().await.ok(),
            _ => None,
        };
        let mut known = known.lock().expect("nobody panics in here");
        let number = receipt.and_then(|receipt| receipt["sequence"].as_u64());
        match number {
            Some(number) => {
                known.acknowledged.insert(id, number);
                count.send_modify(|count| *count += 1);
            }
            None => {
                known.unsure.insert(id);
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_there_after_each_kill_once_and_in_order() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
    let file = folder.path().join("hearken.toml");
    std::fs::write(file, "[channels.orders]\ndedupe = \"1h\"\n").expect("a new file");
    let known = Arc::new(Mutex::new(Known::default()));
    let mut folder = folder;
    let kills = std::env::var("CHANNEL_KILLS").map_or(KILLS, |kills| {
        kills.parse().expect("CHANNEL_KILLS is a number")
    });
    for kill in 0..kills {
        let node = NodeProcess::start_again(folder, &[]).await;
        // What nobody knows of is sent again, and is stored once.
        let unsure = std::mem::take(&mut known.lock().expect("no panic").unsure);
        for id in unsure {
            let response = append(&node, "orders", &id).send().await;
            let receipt = stored(response.expect("the node is there")).await;
            let number = receipt["sequence"].as_u64().expect("a number");
            let mut known = known.lock().expect("no panic");
            known.acknowledged.insert(id, number);
        }
        let count = watch::Sender::new(0);
        let mut counted = count.subscribe();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let name = format!("{kill}-{writer}");
            let api = (*node).clone();
            writers.spawn(write(api, name, Arc::clone(&known), count.clone()));
        }
        counted
            .wait_for(|count| *count >= ACKNOWLEDGED)
            .await
            .expect("the writers go on");
        folder = node.killed().await;
        writers.join_all().await;
    }
    let node = NodeProcess::start_again(folder, &[]).await;
    let events = all(&node, "orders").await;
    let numbers = sequences(&events);
    let expected: Vec<u64> = (1..=events.len() as u64).collect();
    assert_eq!(numbers, expected, "numbers have no holes");
    let times: Vec<_> = events.iter().map(|event| &event["recordedtime"]).collect();
    let in_order = times
        .windows(2)
        .all(|pair| pair[0].as_str() <= pair[1].as_str());
    assert!(in_order, "the recorded time never goes back");
    let mut found = BTreeMap::new();
    for event in &events {
        let id = event["id"].as_str().expect("an id").to_owned();
        assert_eq!(event["data"]["id"], *id, "what was sent");
        let before = found.insert(id, event["sequence"].as_u64().expect("a number"));
        assert_eq!(before, None, "each is there once: {event}");
    }
    let known = known.lock().expect("no panic");
    assert!(known.acknowledged.len() >= kills * ACKNOWLEDGED);
    for (id, number) in &known.acknowledged {
        assert_eq!(found.get(id), Some(number), "{id} was acknowledged");
    }
    // What is there besides was sent and not answered.
    let besides = found
        .keys()
        .filter(|id| !known.acknowledged.contains_key(*id));
    for id in besides {
        assert!(known.unsure.contains(id), "nobody has sent {id}");
    }
}
