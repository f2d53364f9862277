//! A node that is killed.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whose_node_is_killed_misses_nothing_that_is_kept() {
    let mut house = House::new().await;
    let visitors = house.visitors().await;
    house.until_present(&visitors).await;
    house.check_list(&visitors).await;
    let mut lost = Vec::new();
    for name in ["a", "b"] {
        let events = house.node(name).listen("session.lost").await;
        lost.push(events.gather());
    }
    let publishers = Publishers::start(&house);
    publishers.go_on(Duration::from_secs(2)).await;
    house.take("c").kill().await;
    publishers.go_on(Duration::from_secs(10)).await;
    let all = publishers.end().await;
    let told = check(&visitors, &all).await;

    let mut visits = Vec::new();
    for visitor in &visitors {
        visits.push(visitor.settled().await.visits);
    }
    assert!(visits.iter().all(|visits| *visits <= 2), "{visits:?}");
    let moved = visits.iter().filter(|visits| **visits == 2).count();
    assert!(moved > 0 && moved < visits.len(), "{moved} were on it");

    let log = &told[LOG];
    assert_eq!(log.lost, vec![0; visitors.len()], "its node lives");
    assert_eq!(log.recovered, moved);
    let chats = || told.iter().filter(|(name, _)| name.starts_with("chat:"));
    let (mut kept, mut begun) = (0, 0);
    for (name, chat) in chats() {
        match chat.epochs.len() {
            1 => {
                kept += 1;
                assert!(chat.lost.iter().all(|lost| *lost == 0), "{name}: {chat:?}");
            }
            2 => {
                begun += 1;
                assert!(chat.lost.iter().all(|lost| *lost == 1), "{name}: {chat:?}");
            }
            more => panic!("{name} has begun {more} times"),
        }
    }
    assert!(kept > 0 && begun > 0, "each node is the home of some");

    house.until_present(&visitors).await;
    house.check_list(&visitors).await;
    for events in &lost {
        let events = events.until_count(1).await;
        let told: Vec<_> = events
            .iter()
            .map(|it| (&it["subject"], &it["data"]))
            .collect();
        let data = json!({ "node": "c", "count": moved });
        assert_eq!(
            told,
            [(&json!("c"), &data)],
            "once, and all that have moved"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_live_comes_to_all_nodes_in_order() {
    const EACH: u64 = 300;
    let house = House::new().await;
    let visitors = house.visitors().await;
    let mut publishing = JoinSet::new();
    for (name, node) in &house.nodes {
        let (name, api) = (*name, Api::new(node.url.clone()));
        publishing.spawn(async move {
            for number in 1..=EACH {
                let data = json!({ "by": name, "n": number });
                api.publish(&json!({ "type": "said", "channel": LIVE, "data": data }))
                    .await;
            }
        });
    }
    let by_client = json!({ "by": "client", "n": 1 });
    assert!(visitors[0].publish(LIVE, by_client).await);
    while let Some(one) = publishing.join_next().await {
        one.expect("all is taken");
    }
    let count = usize::try_from(3 * EACH + 1).expect("few");
    for visitor in &visitors {
        let has_all = |noted: &Noted| noted.channels[LIVE].publications.len() >= count;
        let noted = visitor.until("having all", has_all).await;
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for publication in &noted.channels[LIVE].publications {
            let by = publication.data["by"].as_str().expect("a name").to_owned();
            let last = last.entry(by).or_default();
            *last += 1;
            assert_eq!(publication.data["n"], *last, "{last:?}");
        }
        assert_eq!(noted.channels[LIVE].publications.len(), count);
        assert_eq!(noted.visits, 1);
    }
}
