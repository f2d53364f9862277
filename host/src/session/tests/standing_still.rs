//! A home that stands still for so long that the others give it up, as on a machine that is
//! paused, and goes on then as if nothing had been.

use std::time::Duration;

use serde_json::{Value, json};

use super::homes::{homed_on, nodes, publish_as, pushes, subscribed};
use crate::session::history::Position;
use crate::session::test_client::{Client, pass};
use crate::session::test_support::Rig;

/// For others to begin a log, or to take one over.
const SOON: Duration = Duration::from_secs(3);

async fn publish(rig: &Rig, channel: &str, number: u64) -> Position {
    let published = publish_as(rig, channel, &json!(number), None).await;
    published.unwrap().position.expect("it is in the history")
}

/// Somebody comes back, and is told that there may be more than it gets.
async fn told_of_a_loss(rig: &Rig, channel: &str, was: &Position) -> (Client, Value) {
    let mut client = rig.connected().await;
    let request = json!({
        "channel": channel, "recover": true, "offset": was.offset, "epoch": &*was.epoch,
    });
    let result = client.subscribe(request).await;
    assert_eq!(result["was_recovering"], true);
    assert_eq!(result["recovered"], Value::Null);
    (client, result)
}

#[tokio::test(start_paused = true)]
async fn whoever_went_elsewhere_is_told_once_and_whoever_stayed_too() {
    // The second time somebody elsewhere knows of the log.
    for is_followed in [false, true] {
        let (net, [a, home, c]) = nodes(["a", "b", "c"]).await;
        let channel = homed_on(&a, "b");
        let (mut stayed, _) = subscribed(&home, &channel).await;
        let mut elsewhere = match is_followed {
            true => Some(subscribed(&c, &channel).await.0),
            false => None,
        };
        let was = publish(&home, &channel, 1).await;
        pass(SOON).await;

        net.stand_still(&home.peer());
        pass(SOON).await;
        let (mut moved, result) = told_of_a_loss(&a, &channel, &was).await;
        let begun = publish(&a, &channel, 1).await;
        assert_eq!(
            (begun.offset, json!(&*begun.epoch)),
            (1, result["epoch"].clone())
        );
        assert_ne!(begun.epoch, was.epoch);

        net.go_on(&home.peer());
        // Before it knows, it goes on as it was.
        let unknowing = publish(&home, &channel, 2).await;
        assert_eq!((unknowing.offset, &unknowing.epoch), (2, &was.epoch));
        pass(SOON).await;
        let next = publish(&home, &channel, 2).await;
        assert_eq!((next.offset, &next.epoch), (2, &begun.epoch));
        pass(SOON).await;
        assert_eq!(moved.all_pushes().await, pushes(&channel, 1..=2));
        let lost = format!("{channel} unsubscribe 2500");
        let mut seen = pushes(&channel, 1..=2);
        seen.push(lost.clone());
        assert_eq!(stayed.all_pushes().await, seen);
        let (_, again) = told_of_a_loss(&home, &channel, &unknowing).await;
        assert_eq!(again["epoch"], json!(&*begun.epoch));
        if let Some(elsewhere) = &mut elsewhere {
            let mut seen = pushes(&channel, [1]);
            seen.push(lost);
            assert_eq!(elsewhere.all_pushes().await, seen);
        }
    }
}
