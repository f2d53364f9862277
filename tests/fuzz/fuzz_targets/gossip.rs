//! Arbitrary messages of the membership, from a node that is linked: none ends this
//! node's part, makes it name itself as somebody to dial, or grow without end. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none gossip`.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use hearken::cluster::membership::gossip::{Gossip, LinkNews, Outgoing, Settings};
use hearken::cluster::membership::{Member, Membership};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Most nodes that are remembered, and the one that is linked.
const MAX_NODES: usize = 1024 + 1;

thread_local! {
    /// What genuine nodes say to each other, to go on from.
    static GENUINE: RefCell<Vec<Vec<u8>>> = RefCell::new(genuine());
}

fn member(name: &str, number: u128) -> Member {
    Member {
        node: name.into(),
        incarnation: Uuid::from_u128(number << 80),
        address: format!("{name}:7071").into(),
    }
}

fn settings(name: &str, number: u128) -> Settings {
    let Member {
        node,
        incarnation,
        address,
    } = member(name, number);
    Settings {
        node,
        incarnation,
        address: Some(address),
        seed: 1,
    }
}

/// A node that is linked to `peer`.
fn linked(
    name: &str,
    number: u128,
    peer: &Member,
) -> (
    mpsc::Sender<LinkNews>,
    mpsc::Receiver<Outgoing>,
    Box<Gossip>,
) {
    let (news, heard) = mpsc::channel(64);
    let (say, said) = mpsc::channel(64);
    let gossip = Gossip::new(settings(name, number), heard, say);
    let up = LinkNews::Up {
        peer: peer.clone(),
        local_address: format!("{name}:7071").into(),
    };
    news.try_send(up).expect("there is room");
    (news, said, Box::new(gossip))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

fn genuine() -> Vec<Vec<u8>> {
    run(async {
        let (a, b) = (member("a", 2), member("b", 3));
        let (to_a, mut from_a, node_a) = linked("a", 2, &b);
        let (to_b, mut from_b, node_b) = linked("b", 3, &a);
        let mut said = Vec::new();
        let exchange = async {
            loop {
                tokio::select! {
                    Some(message) = from_a.recv() => {
                        said.push(message.message.to_vec());
                        let news = LinkNews::Message { from: a.clone(), message: message.message };
                        let _ = to_b.send(news).await;
                    }
                    Some(message) = from_b.recv() => {
                        let news = LinkNews::Message { from: b.clone(), message: message.message };
                        let _ = to_a.send(news).await;
                    }
                    () = tokio::time::sleep(Duration::from_secs(2)) => return,
                }
                if said.len() >= 32 {
                    return;
                }
            }
        };
        tokio::select! {
            () = exchange => {}
            () = node_a.run() => {}
            () = node_b.run() => {}
        }
        said
    })
}

fuzz_target!(|messages: Vec<Vec<u8>>| {
    run(async {
        let peer = member("a", 2);
        let (news, mut said, gossip) = linked("b", 3, &peer);
        let found = gossip.watch();
        let talking = async {
            for message in messages {
                let message = Bytes::from(message);
                let from = peer.clone();
                let heard = news.send(LinkNews::Message { from, message }).await;
                heard.expect("the node goes on listening");
                while said.try_recv().is_ok() {}
            }
            // Time for what it started on account of them.
            for _ in 0..50 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                while said.try_recv().is_ok() {}
            }
        };
        tokio::select! {
            biased;
            () = gossip.run() => panic!("its part has ended"),
            () = talking => {}
        }
        let found = found.borrow();
        assert!(found.len() <= MAX_NODES, "{}", found.len());
        assert!(!found.iter().any(|address| **address == *"b:7071"));
    });
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    if !seed.is_multiple_of(4) {
        return size;
    }
    // Arbitrary bytes are hardly ever a message: some inputs become a genuine one.
    GENUINE.with_borrow(|genuine| {
        let which = seed as usize / 4 % genuine.len().max(1);
        match genuine.get(which) {
            Some(message) => hearken_fuzz::replace(data, size, &hearken_fuzz::as_list(message)),
            None => size,
        }
    })
});
