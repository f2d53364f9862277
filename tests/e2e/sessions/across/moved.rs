//! A node that is stopped, and one that joins: what is kept in memory is handed over.

use super::*;

/// Checks that all channels have gone on as if nothing had happened.
fn check_unbroken(told: &BTreeMap<String, Told>) {
    for (name, channel) in told {
        assert!(
            channel.epochs.len() <= 1,
            "{name} has begun anew: {channel:?}"
        );
        let lost = channel.lost.iter().filter(|lost| **lost > 0).count();
        assert!(
            lost == 0 || channel.epochs.is_empty(),
            "{name}: {channel:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_node_is_stopped_misses_nothing_and_is_told_nothing() {
    let mut house = House::new().await;
    let visitors = house.visitors().await;
    let mut gone = Vec::new();
    for name in ["a", "b"] {
        let events = house.node(name).listen("{cluster.left,session.lost}").await;
        gone.push(events.gather());
    }
    let publishers = Publishers::start(&house);
    publishers.go_on(Duration::from_secs(2)).await;
    let stopped = house.take("c").stopped().await;
    publishers.go_on(Duration::from_secs(3)).await;
    let all = publishers.end().await;
    let told = check(&visitors, &all).await;
    check_unbroken(&told);
    for visitor in &visitors {
        let noted = visitor.settled().await;
        assert!(noted.visits <= 2, "{}", noted.shortly());
        assert!(
            noted.closed.iter().all(|code| *code == 3001),
            "{:?}",
            noted.closed
        );
    }
    house.until_present(&visitors).await;
    house.check_list(&visitors).await;
    for events in &gone {
        // What would be lost with it would have been told by now.
        let told = events.until_count(1).await;
        let told: Vec<_> = told.iter().map(|it| &it["type"]).collect();
        assert_eq!(
            told,
            ["cluster.left"],
            "its sessions were closed and not lost"
        );
    }
    drop(stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_there_when_a_node_joins_notices_nothing() {
    let mut house = House::new().await;
    let visitors = house.visitors().await;
    let publishers = Publishers::start(&house);
    publishers.go_on(Duration::from_secs(2)).await;
    house.join("d").await;
    publishers.go_on(Duration::from_secs(4)).await;
    let all = publishers.end().await;
    let told = check(&visitors, &all).await;
    check_unbroken(&told);
    for visitor in &visitors {
        assert_eq!(visitor.settled().await.visits, 1);
    }
    house.until_present(&visitors).await;
    house.check_list(&visitors).await;
}
