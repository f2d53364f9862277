//! A node that stands still for a while, as one on a machine that is paused.

use super::*;

/// For how long: the others have given it up by then, and others keep what it kept.
const STILL: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn whose_node_stood_still_is_told_once_what_it_has_missed() {
    let mut house = House::new().await;
    let visitors = house.visitors().await;
    house.until_present(&visitors).await;
    let publishers = Publishers::start(&house);
    publishers.go_on(Duration::from_secs(2)).await;
    let still = house.take("c");
    still.stand_still().await;
    publishers.go_on(STILL).await;
    still.signal("CONT").await;
    house.nodes.insert("c", still);
    linked(&house.nodes.values().collect::<Vec<_>>()).await;
    house.balance();
    publishers.go_on(Duration::from_secs(4)).await;
    let all = publishers.end().await;
    let told = check(&visitors, &all).await;

    let chats = told.iter().filter(|(name, _)| name.starts_with("chat:"));
    let mut begun = 0;
    for (name, chat) in chats {
        assert!(chat.epochs.len() <= 2, "{name}: {chat:?}");
        // Whoever was at the node may have missed more than is kept, and is told so.
        assert!(chat.lost.iter().all(|lost| *lost <= 1), "{name}: {chat:?}");
        if chat.epochs.len() == 2 {
            begun += 1;
            assert!(chat.lost.iter().all(|lost| *lost == 1), "{name}: {chat:?}");
        }
    }
    assert!(begun > 0, "it was the home of some");
    house.until_present(&visitors).await;
    house.check_list(&visitors).await;
}
