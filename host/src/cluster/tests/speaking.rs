//! What the sessions of nodes say to each other.

use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::mesh::{News, PeerNode};

/// Keeps what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<News>>);

impl Ears for Heard {
    fn hear(&self, news: News) {
        self.0.lock().unwrap().push(news);
    }
}

impl Heard {
    /// What was heard since this was asked last, in words, up to the one that is told.
    async fn until(&self, last: &str) -> Vec<String> {
        let found = async {
            loop {
                {
                    let mut heard = self.0.lock().unwrap();
                    let place = heard.iter().position(|news| told(news) == last);
                    if let Some(place) = place {
                        let heard = heard.drain(..=place);
                        return heard.map(|news| told(&news)).collect();
                    }
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let found = timeout(Duration::from_secs(60), found).await;
        found.unwrap_or_else(|_| panic!("no {last}: {:?}", self.0.lock().unwrap()))
    }
}

fn told(news: &News) -> String {
    match news {
        News::Joined(peer) => format!("{} joined", peer.name),
        News::Back(peer) => format!("{} back", peer.name),
        News::Away(peer) => format!("{} away", peer.name),
        News::Unreachable(peer) => format!("{} unreachable", peer.name),
        News::Left(peer) => format!("{} left", peer.name),
        News::Gap(peer) => format!("{} gap", peer.name),
        News::Message { from, message } => {
            let begin = message.iter().take_while(|byte| **byte != b' ').copied();
            let begin = String::from_utf8(begin.collect()).unwrap();
            format!("{} says {begin}", from.name)
        }
    }
}

/// A node with sessions.
fn start_with(pipes: &Arc<Pipes>, name: &str, number: u8, join: &[u8]) -> (Part, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let ears: Arc<dyn Ears> = Arc::clone(&heard) as _;
    let clock = Arc::new(SystemClock);
    let none = Foreknown::default();
    let part = start_heard(pipes, name, number, join, clock, none, |cluster| {
        cluster.heard_by(ears)
    });
    (part, heard)
}

/// The only other node.
fn other(part: &Part) -> PeerNode {
    let peers = part.mesh.peers();
    assert_eq!(peers.len(), 1, "{peers:?}");
    peers[0].clone()
}

/// Names of the other nodes that may have sessions.
fn known(part: &Part) -> Vec<String> {
    let known = part.mesh.known().into_iter();
    known.map(|name| name.to_string()).collect()
}

fn say(part: &Part, to: &PeerNode, text: &str) -> bool {
    part.mesh.send(to, Bytes::copy_from_slice(text.as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn what_is_said_comes_once_and_in_order_over_several_connections() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let (b, at_b) = start_with(&pipes, "b", 2, &[1]);
    at_a.until("b joined").await;
    at_b.until("a joined").await;
    let to_b = other(&a);
    assert!(say(&a, &to_b, "1") && say(&a, &to_b, "2"));
    assert_eq!(at_b.until("a says 2").await, ["a says 1", "a says 2"]);

    pipes.cut();
    at_a.until("b away").await;
    assert!(say(&a, &to_b, "3") && say(&a, &to_b, "4"));
    pipes.heal();
    assert_eq!(at_a.until("b back").await, ["b back"]);
    assert!(say(&a, &to_b, "5"));
    assert_eq!(
        at_b.until("a says 5").await,
        ["a away", "a back", "a says 3", "a says 4", "a says 5"]
    );
    // None of it is an event.
    a.publish(1);
    let nodes = b.hear("cluster.joined", 1).await;
    assert_eq!(nodes.len(), 1);
    b.leave.cancel();
    assert_eq!(at_a.until("b left").await, ["b left"]);
    assert!(!say(&a, &to_b, "6") && a.mesh.peers().is_empty());
    assert_eq!(known(&a), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_misses_some_hears_of_it_before_what_comes_behind() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let (_b, at_b) = start_with(&pipes, "b", 2, &[1]);
    at_a.until("b joined").await;
    at_b.until("a joined").await;
    let to_b = other(&a);
    pipes.cut();
    at_a.until("b away").await;
    // More than waits for a node.
    let rest = " ".repeat(1 << 20);
    for number in 0..80 {
        assert!(say(&a, &to_b, &format!("{number}{rest}")));
    }
    let larger = rest.repeat(2);
    assert!(!say(&a, &to_b, &larger), "larger than what a node takes");
    pipes.heal();
    let heard = at_b.until("a says 79").await;
    assert_eq!(heard[..3], ["a away", "a back", "a gap"]);
    let first: usize = 80 - (heard.len() - 3);
    assert!(first > 0);
    let behind: Vec<_> = (first..80)
        .map(|number| format!("a says {number}"))
        .collect();
    assert_eq!(heard[3..], behind);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_for_5_seconds_is_gone_and_joins_again() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let (b, at_b) = start_with(&pipes, "b", 2, &[1]);
    at_a.until("b joined").await;
    at_b.until("a joined").await;
    let to_b = other(&a);
    pipes.cut();
    at_a.until("b away").await;
    let lost = Instant::now();
    assert!(say(&a, &to_b, "1"));
    assert_eq!(at_a.until("b unreachable").await, ["b unreachable"]);
    let passed = lost.elapsed();
    assert!(passed >= Duration::from_millis(4900) && passed < Duration::from_secs(6));
    assert!(!say(&a, &to_b, "2") && a.mesh.peers().is_empty());
    at_b.until("a unreachable").await;
    pipes.heal();
    assert_eq!(at_a.until("b joined").await, ["b joined"]);
    assert!(say(&a, &to_b, "3"));
    // What was on its way comes yet.
    let heard = at_b.until("a says 3").await;
    assert_eq!(heard, ["a joined", "a says 1", "a says 3"]);

    // Another start of it.
    drop(b);
    let (_b, _) = start_with(&pipes, "b", 3, &[1]);
    let heard = at_a.until("b joined").await;
    assert_eq!(heard, ["b away", "b left", "b joined"]);
    assert!(!say(&a, &to_b, "4"), "that start is gone");
    assert!(say(&a, &other(&a), "5"));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_may_have_sessions_until_it_is_forgotten() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let (_b, _) = start_with(&pipes, "b", 2, &[1]);
    at_a.until("b joined").await;
    assert_eq!(known(&a), ["b"]);
    pipes.cut();
    at_a.until("b unreachable").await;
    assert!(a.mesh.peers().is_empty());
    assert_eq!(known(&a), ["b"]);
    let gone = Instant::now();
    a.until("b", None).await;
    assert!(gone.elapsed() > FORGET_AFTER - Duration::from_secs(10));
    assert_eq!(known(&a), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn another_start_of_a_node_may_have_no_sessions_any_more() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let (b, _) = start_with(&pipes, "b", 2, &[1]);
    at_a.until("b joined").await;
    drop(b);
    at_a.until("b away").await;
    let _b = start(&pipes, "b", 3, &[1]);
    at_a.until("b left").await;
    a.until("b", Some(NodeState::Connected)).await;
    assert_eq!(known(&a), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_sessions_is_told_nothing() {
    let pipes = Arc::new(Pipes::default());
    let (a, at_a) = start_with(&pipes, "a", 1, &[]);
    let b = start(&pipes, "b", 2, &[1]);
    a.until("b", Some(NodeState::Connected)).await;
    b.until("a", Some(NodeState::Connected)).await;
    assert!(a.mesh.peers().is_empty() && b.mesh.peers().is_empty());
    assert_eq!(known(&a), [""; 0]);
    let (_, incarnation) = a.sees("b").unwrap();
    let to_b = PeerNode {
        name: "b".into(),
        incarnation: incarnation.parse().unwrap(),
    };
    assert!(!say(&a, &to_b, "1"));
    b.leave.cancel();
    a.until("b", Some(NodeState::Left)).await;
    assert!(at_a.0.lock().unwrap().is_empty());
}
