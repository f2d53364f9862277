//! Networks that break, and come back sooner or later.

use hearken::admin::NodeState;

use crate::support::cluster::{linked, node};
use crate::support::collected::Collected;
use crate::support::gate::{Cable, Fault, Gate};
use crate::support::load::{Load, all, numbers};
use crate::support::plugin::plugin;
use crate::support::process::NodeProcess;

/// Two nodes with nothing but a cable between them.
struct Pair {
    a: NodeProcess,
    b: NodeProcess,
    cable: Cable,
    _gates: [Gate; 2],
}

impl Pair {
    /// `b` has a plugin that wants all of `custom.large`.
    async fn start() -> Self {
        let cable = Cable::new();
        let gates = [cable.gate().await, cable.gate().await];
        let sink = plugin("echo").manifest("subscribe = [\"custom.large\"]");
        let a = node("a").behind(&gates[0]).start().await;
        let joining = node("b").joins(&gates[0].address).behind(&gates[1]);
        let b = joining.plugins([sink]).start().await;
        linked(&[&a, &b]).await;
        Self {
            a,
            b,
            cable,
            _gates: gates,
        }
    }

    /// Lets nothing through until both nodes have noticed.
    async fn part(&self) {
        let lost = [
            self.a.listen("cluster.unreachable").await,
            self.b.listen("cluster.unreachable").await,
        ];
        self.cable.fails(Fault::Silent);
        for (mut lost, name) in lost.into_iter().zip(["b", "a"]) {
            lost.about("cluster.unreachable", name).await;
        }
        assert_eq!(
            self.a.until_node("b", |_| true).await.state,
            NodeState::Unreachable
        );
        assert_eq!(
            self.b.until_node("a", |_| true).await.state,
            NodeState::Unreachable
        );
    }

    async fn heal(&self) {
        self.cable.fails(Fault::None);
        linked(&[&self.a, &self.b]).await;
    }

    /// What arrives at each: at `a` from `b`, and at `b` from `a`.
    async fn collect(&self) -> [Collected; 2] {
        [
            self.a.listen("custom.load").await.gather(),
            self.b.listen("custom.load").await.gather(),
        ]
    }

    async fn nothing_is_missing(&self, gaps: &[Collected; 2]) {
        for (node, other) in [(&self.a, "b"), (&self.b, "a")] {
            let link = node.until_link(other, |link| link.queued == 0).await;
            assert_eq!((link.dropped, link.gaps), (0, 0));
        }
        for gaps in gaps {
            assert_eq!(gaps.so_far(), Vec::<serde_json::Value>::new());
        }
    }

    async fn gaps(&self) -> [Collected; 2] {
        [
            self.a.listen("cluster.gap").await.gather(),
            self.b.listen("cluster.gap").await.gather(),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_loses_and_repeats_nothing() {
    const CUTS: usize = 8;
    let pair = Pair::start().await;
    let (gaps, collected) = (pair.gaps().await, pair.collect().await);
    let mut from_a = Load::new(&pair.a, "a", "load");
    let mut from_b = Load::new(&pair.b, "b", "load");
    let cutting = async {
        for cut in 1..=CUTS {
            collected[1].until_count(cut * 300).await;
            pair.cable.cut();
        }
    };
    // Each node hears its own events too.
    tokio::join!(
        from_a.publish_paced(2000, &collected[1]),
        from_b.publish_paced(2000, &collected[0]),
        cutting
    );
    for collected in &collected {
        let events = collected.until_count(4000).await;
        assert_eq!(numbers(&events), all([("a", 2000), ("b", 2000)]));
    }
    pair.nothing_is_missing(&gaps).await;
    let to_b = pair.a.until_link("b", |_| true).await;
    assert_eq!(
        (to_b.sent, to_b.received),
        (2000, 2000),
        "repetitions do not count"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fits_the_queue_bridges_a_partition() {
    let pair = Pair::start().await;
    let (gaps, collected) = (pair.gaps().await, pair.collect().await);
    let mut from_a = Load::new(&pair.a, "a", "load");
    let mut from_b = Load::new(&pair.b, "b", "load");
    from_a.publish(100).await;
    from_b.publish(100).await;
    pair.part().await;
    from_a.publish(250).await;
    from_b.publish(250).await;
    let waiting = pair.a.until_link("b", |link| link.queued >= 250).await;
    assert_eq!(waiting.dropped, 0, "{waiting:?}");
    let joined = pair.b.listen("cluster.joined").await.gather();
    pair.heal().await;
    from_a.publish(50).await;
    from_b.publish(50).await;
    for collected in &collected {
        let events = collected.until_count(800).await;
        assert_eq!(numbers(&events), all([("a", 400), ("b", 400)]));
    }
    pair.nothing_is_missing(&gaps).await;
    let again = joined.about("cluster.joined", "a").await;
    let same = pair.a.itself().await.incarnation;
    assert_eq!(again["data"]["incarnation"], *same, "it is the same start");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_queue_is_a_gap_that_adds_up() {
    const LARGE: u64 = 1100;
    const MARKED: u64 = 20;
    let pair = Pair::start().await;
    let [_, gaps] = pair.gaps().await;
    let marked = [("type", "custom.large"), ("subject", "marked")];
    let marked = pair.b.listen_with(&marked).await.gather();
    pair.part().await;
    let mut load = Load::new(&pair.a, "a", "large").large(64 << 10, MARKED);
    load.publish(LARGE).await;
    // It shows while there is no link.
    pair.a.until_link("b", |link| link.dropped > 0).await;
    pair.heal().await;
    // The last one, so that all others have come or never will.
    let mut last = pair.b.listen("custom.last").await;
    let event = serde_json::json!({ "type": "last", "distributed": true });
    pair.a.publish(&event).await;
    last.next().await;

    let sent = pair.a.until_link("b", |link| link.queued == 0).await;
    assert!(sent.dropped > 0, "{sent:?}");
    assert_eq!(sent.sent + sent.dropped, LARGE + 1, "{sent:?}");
    let received = pair
        .b
        .until_link("a", |link| link.received == sent.sent)
        .await;
    assert_eq!(received.gaps, sent.dropped);
    let told = |events: &[serde_json::Value]| -> u64 {
        events
            .iter()
            .map(|gap| gap["data"]["count"].as_u64().expect("a count"))
            .sum()
    };
    let gaps = gaps.until(|gaps| told(gaps) == sent.dropped).await;
    let incarnation = pair.a.itself().await.incarnation;
    let mut missing = Vec::new();
    for gap in &gaps {
        let data = &gap["data"];
        assert_eq!(
            (&gap["subject"], &data["origin"]),
            (&"a".into(), &"a".into())
        );
        assert_eq!(data["incarnation"], *incarnation);
        let number = |name: &str| data[name].as_u64().expect("a number");
        assert_eq!(
            number("last") - number("first") + 1,
            number("count"),
            "{gap}"
        );
        missing.push(number("first")..=number("last"));
    }
    // Nothing else went over this link, so that its numbers are those of the events.
    let arrived: Vec<u64> = (0..LARGE)
        .step_by(usize::try_from(MARKED).expect("small"))
        .filter(|number| !missing.iter().any(|gap| gap.contains(&(number + 1))))
        .collect();
    let events = marked.until_count(arrived.len()).await;
    assert_eq!(numbers(&events)["a"], arrived);
}

#[tokio::test(flavor = "multi_thread")]
async fn flapping_links_lose_and_repeat_nothing() {
    let pair = Pair::start().await;
    let (gaps, collected) = (pair.gaps().await, pair.collect().await);
    let mut from_a = Load::new(&pair.a, "a", "load");
    let flapping = async {
        for flap in 1..=5 {
            collected[1].until_count(flap * 100).await;
            pair.cable.fails(Fault::Refused);
            pair.a.until_state("b", NodeState::Unreachable).await;
            pair.cable.fails(Fault::None);
            pair.a.until_state("b", NodeState::Connected).await;
        }
    };
    tokio::join!(from_a.publish_paced(1500, &collected[1]), flapping);
    let events = collected[1].until_count(1500).await;
    assert_eq!(numbers(&events), all([("a", 1500)]));
    pair.nothing_is_missing(&gaps).await;
}
