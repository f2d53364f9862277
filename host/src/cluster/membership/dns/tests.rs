use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::*;
use crate::cluster::wire::network::Connection;

/// What the resolver answers to a name.
#[derive(Clone, Debug)]
enum Answer {
    Addresses(Vec<SocketAddr>),
    Error(&'static str),
    Never,
}

/// A network with names and nothing behind them.
#[derive(Default)]
struct Names {
    answers: Mutex<BTreeMap<String, Answer>>,
    /// When each question was asked.
    asked: Mutex<Vec<Instant>>,
}

impl Names {
    fn set(&self, name: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    fn addresses(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.set(name, Answer::Addresses(addresses));
    }

    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

impl Network for Names {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.asked.lock().unwrap().push(Instant::now());
        let answer = self.answers.lock().unwrap().get(name).cloned();
        Box::pin(async move {
            match answer {
                Some(Answer::Addresses(addresses)) => Ok(addresses),
                Some(Answer::Error(text)) => Err(io::Error::other(text)),
                Some(Answer::Never) => std::future::pending().await,
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }
}

struct Running {
    names: Arc<Names>,
    watch: watch::Receiver<Candidates>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(names: Names, followed: &[&str], seed: u64) -> Self {
        let names = Arc::new(names);
        let dns = Dns::new(
            followed.iter().map(|name| Address::from(*name)),
            names.clone(),
            seed,
        );
        let watch = dns.watch();
        let task = tokio::spawn(Box::new(dns).run());
        Self { names, watch, task }
    }

    /// The next change of what was found.
    async fn changed(&mut self) -> Vec<String> {
        timeout(Duration::from_secs(3600), self.watch.changed())
            .await
            .expect("a change within the hour")
            .unwrap();
        self.found()
    }

    fn found(&mut self) -> Vec<String> {
        let found = self.watch.borrow_and_update();
        found.iter().map(ToString::to_string).collect()
    }

    /// Lets time pass until the resolver was asked `count` times more and the last
    /// answer took effect.
    async fn asked_again(&self, count: usize) {
        let before = self.names.asked().len();
        while self.names.asked().len() <= before + count {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn every_address_of_every_name_is_found() {
    let names = Names::default();
    names.addresses("a:1", &["10.0.0.1:1", "[::1]:1"]);
    names.addresses("b:2", &["10.0.0.2:2", "10.0.0.1:1"]);
    let mut dns = Running::start(names, &["a:1", "b:2"], 1);
    let mut found = Vec::new();
    while found.len() < 3 {
        found = dns.changed().await;
    }
    assert_eq!(found, ["10.0.0.1:1", "10.0.0.2:2", "[::1]:1"]);
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_name_are_followed() {
    let names = Names::default();
    names.addresses("a:1", &["10.0.0.1:1"]);
    names.addresses("b:1", &["10.0.0.1:1", "10.0.0.9:1"]);
    let mut dns = Running::start(names, &["a:1", "b:1"], 1);
    dns.asked_again(2).await;
    assert_eq!(dns.found(), ["10.0.0.1:1", "10.0.0.9:1"]);
    dns.names.addresses("b:1", &["10.0.0.2:1"]);
    assert_eq!(dns.changed().await, ["10.0.0.1:1", "10.0.0.2:1"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_known_addresses_outlive_errors_empty_answers_and_silence() {
    let names = Names::default();
    names.addresses("a:1", &["10.0.0.1:1"]);
    let mut dns = Running::start(names, &["a:1"], 1);
    assert_eq!(dns.changed().await, ["10.0.0.1:1"]);
    for trouble in [
        Answer::Error("the server is away"),
        Answer::Addresses(Vec::new()),
        Answer::Never,
    ] {
        dns.names.set("a:1", trouble.clone());
        dns.asked_again(3).await;
        assert_eq!(dns.found(), ["10.0.0.1:1"], "after {trouble:?}");
    }
    dns.names.addresses("a:1", &["10.0.0.2:1"]);
    assert_eq!(dns.changed().await, ["10.0.0.2:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_there_yet_is_asked_for_at_growing_distances() {
    let dns = Running::start(Names::default(), &["a:1"], 1);
    dns.asked_again(8).await;
    let asked = dns.names.asked();
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[0] < 2 * FIRST_RETRY + Duration::from_millis(10));
    assert!(waits[7] >= LONGEST_RETRY);
    assert!(
        waits
            .iter()
            .all(|wait| *wait <= INTERVAL + Duration::from_millis(10))
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_appears_is_found() {
    let mut dns = Running::start(Names::default(), &["a:1"], 1);
    dns.asked_again(3).await;
    dns.names.addresses("a:1", &["10.0.0.1:1"]);
    assert_eq!(dns.changed().await, ["10.0.0.1:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_never_answers_holds_up_no_other() {
    let names = Names::default();
    names.set("a:1", Answer::Never);
    names.addresses("b:1", &["10.0.0.2:1"]);
    let mut dns = Running::start(names, &["a:1", "b:1"], 1);
    assert_eq!(dns.changed().await, ["10.0.0.2:1"]);
}

/// Counts the warnings in the log.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_trouble_is_logged_once_until_it_changes_or_ends() {
    let counter = Warnings::default();
    let _here =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(counter.clone()));
    let warnings = || counter.0.load(Ordering::Relaxed);

    let dns = Running::start(Names::default(), &["a:1"], 1);
    dns.asked_again(10).await;
    assert_eq!(warnings(), 1);
    dns.names.set("a:1", Answer::Addresses(Vec::new()));
    dns.asked_again(10).await;
    assert_eq!(warnings(), 2);
    dns.names.addresses("a:1", &["10.0.0.1:1"]);
    dns.asked_again(10).await;
    assert_eq!(warnings(), 2);
    dns.names.set("a:1", Answer::Addresses(Vec::new()));
    dns.asked_again(10).await;
    assert_eq!(warnings(), 3);
}

#[test]
fn the_seed_alone_decides_about_the_retries() {
    let sequence = |seed| retries(seed).take(10).collect::<Vec<_>>();
    assert_eq!(sequence(1), sequence(1));
    assert_ne!(sequence(1), sequence(2));
}
