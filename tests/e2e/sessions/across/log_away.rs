//! The node on which a log lies is away, and comes back.

use super::*;

/// Publishes from a session, over and over, until the answer is this.
async fn until_acknowledged(session: &Roamer, number: u64, wanted: bool) {
    let publishing = async {
        while session.publish(LOG, json!({ "n": number })).await != wanted {
            sleep(POLL).await;
        }
    };
    let published = timeout(DEADLINE, publishing).await;
    published.unwrap_or_else(|_| panic!("{number} is never answered so: {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_node_is_away_is_caught_up_with() {
    let (_folder, file) = configured(&format!("{CONFIGURATION}{ACROSS}"));
    let file = file.display().to_string();
    let holder = node("a").with(&["--config", &file]).start().await;
    let address = holder.cluster_address().await;
    let other = start("b", &file, &address).await;
    linked(&[&holder, &other]).await;
    let here = Balancer::before(&[&holder]).await;
    let there = Balancer::before(&[&other]).await;
    let first = Roamer::at(&here.address, [LOG.to_owned()]);
    first.settled().await;
    let away = Roamer::at(&there.address, [LOG.to_owned()]);
    let writing = Roamer::at(&there.address, []);
    away.settled().await;
    writing.settled().await;
    until_acknowledged(&writing, 1, true).await;
    let has = |count: usize| move |noted: &Noted| noted.channels[LOG].publications.len() >= count;
    away.until("the first", has(1)).await;
    first.until("the first", has(1)).await;

    let api_address = holder.url.trim_start_matches("http://").to_owned();
    let folder = holder.killed().await;
    // At first it may not be known that it is away: then the answer is late, and no other.
    until_acknowledged(&writing, 2, false).await;
    assert!(away.noted().is_settled(), "who only listens stays");
    let arguments = [
        "--node",
        "a",
        "--config",
        &file,
        "--cluster-listen",
        &address,
        "--listen",
        &api_address,
    ];
    let holder = NodeProcess::start_again(folder, &arguments).await;
    linked(&[&holder, &other]).await;
    until_acknowledged(&writing, 3, true).await;
    let is_there = |noted: &Noted| {
        let publications = &noted.channels[LOG].publications;
        publications.last().is_some_and(|it| it.data["n"] == 3)
    };
    for session in [&away, &first] {
        let noted = session.until("the third", is_there).await;
        assert_eq!(noted.wrong, [""; 0]);
        let channel = &noted.channels[LOG];
        assert_eq!(channel.lost, 0, "{}", noted.shortly());
    }
    let noted = away.noted();
    assert_eq!(noted.visits, 1, "it was not sent away");
    // What was not acknowledged may be stored all the same, once or as often as it was sent.
    let numbers = noted.channels[LOG].publications.iter();
    let numbers: Vec<&Value> = numbers.map(|it| &it.data["n"]).collect();
    assert!(numbers.is_sorted_by_key(|n| n.as_u64()), "{numbers:?}");
}
