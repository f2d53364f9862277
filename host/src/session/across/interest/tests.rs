//! Wishes for many channels.

use std::ops::Range;

use super::*;
use crate::session::test_client::{pass, settle};
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, open};

/// Channels that a node wants here.
const MANY: usize = 50_000;

fn node(net: &Net, name: &str) -> Rig {
    Rig::beside(net, name, &[open("chat")])
}

/// A node wants the channels of these numbers.
fn want(rig: &Rig, channels: Range<usize>) -> Vec<Wish> {
    let interest = &rig.sessions.0.across.interest;
    let names = channels.map(|number| ChannelName::new(&format!("chat:{number}")).unwrap());
    names.map(|name| interest.want(&name)).collect()
}

/// How many channels others want, as a node knows it.
fn known(rig: &Rig) -> usize {
    rig.sessions.0.across.interest.sizes().elsewhere
}

/// Bytes that it takes for that.
fn bytes(rig: &Rig) -> usize {
    rig.sessions.0.across.interest.others().bytes()
}

/// Messages that were said since this was asked last, and their bytes.
fn said(net: &Net) -> (usize, usize) {
    (net.take_said(), net.take_said_bytes())
}

#[tokio::test(start_paused = true)]
async fn many_channels_cost_others_memory_in_proportion_and_messages_only_for_changes() {
    let net = Net::new();
    let (here, there) = (node(&net, "a"), node(&net, "b"));
    pass(Duration::from_secs(2)).await;
    said(&net);
    let wishes = want(&here, 0..MANY);
    pass(Duration::from_secs(1)).await;
    assert_eq!(known(&there), MANY);
    let (messages, sent) = said(&net);
    assert!(messages <= 20, "{messages}");
    assert!((8 * MANY..9 * MANY).contains(&sent), "{sent}");
    let taken = bytes(&there);
    assert!((8 * MANY..16 * MANY).contains(&taken), "{taken}");

    pass(Duration::from_secs(60)).await;
    assert_eq!(said(&net), (0, 0), "nothing has changed");

    let one_more = want(&here, MANY..MANY + 1);
    settle().await;
    assert_eq!(known(&there), MANY + 1);
    let (messages, sent) = said(&net);
    assert_eq!(messages, 2, "what is wanted, and that it is known");
    assert!(sent < 64, "{sent}");

    let late = node(&net, "c");
    pass(Duration::from_secs(1)).await;
    assert_eq!((known(&late), known(&there)), (MANY + 1, MANY + 1));
    // Twice: to whoever comes, and once that has asked for it, as it does of everybody.
    let (_, sent) = said(&net);
    assert!((8 * MANY..18 * MANY).contains(&sent), "{sent}");
    let taken = bytes(&late);
    assert!((8 * MANY..16 * MANY).contains(&taken), "{taken}");

    drop(wishes);
    pass(Duration::from_secs(11)).await;
    for rig in [&there, &late] {
        let taken = bytes(rig);
        assert!(known(rig) == 1 && taken < MANY, "{taken}");
    }
    drop(one_more);
}
