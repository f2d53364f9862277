//! What a node has of sessions: the real room, and a desk at which clients arrive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hearken::access::Access;
use hearken::bus::Bus;
use hearken::channel::{Channels, Engines, OtherNodes};
use hearken::clock::Clock;
use hearken::cluster::Cluster;
use hearken::passing::Elsewhere;
use hearken::session::{
    AllowedFor, ChannelName, Namespace, Namespaces, NoHooks, Sessions, SessionsSettings,
    Surroundings, Whose,
};
use hearken_channel_log::Environment;
use hearken_channel_log::memory::{Memory, MemorySettings};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::interests::Look;
use super::presences::Seen;
use super::visit::Visit;
use super::{HERE, Seat, channels, histories};
use crate::node::{Context, now};

/// Between two looks at who has arrived.
const ARRIVALS: Duration = Duration::from_millis(20);

/// Between two looks at whom the node sees, and at what it knows to be wanted.
const LOOKS: Duration = Duration::from_millis(700);

/// Sessions of a page of the list, so few that there are several pages.
const PAGE: usize = 3;

/// Time and randomness of a node.
struct Simulated {
    clock: Arc<dyn Clock>,
    random: Mutex<StdRng>,
}

impl Environment for Simulated {
    fn now_millis(&self) -> u64 {
        self.clock.now_millis()
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.next_u64()
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

/// The other nodes, none of which has a durable channel.
struct Others(Arc<dyn Elsewhere>);

impl OtherNodes for Others {
    fn that_have(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn is_settled(&self) -> bool {
        self.0.is_settled()
    }
}

/// The sessions of a node on this bus. Everybody may do everything.
pub async fn open(
    bus: &Bus,
    clock: Arc<dyn Clock>,
    cluster: &Cluster,
    random: &mut StdRng,
) -> Sessions {
    let environment = Arc::new(Simulated {
        clock: Arc::clone(&clock),
        random: Mutex::new(StdRng::from_seed(random.random())),
    });
    let memory = || Memory::new(Arc::clone(&environment) as _, MemorySettings::default());
    let engines = Engines {
        disk: Arc::new(memory()),
        memory: Arc::new(memory()),
    };
    let channels = Channels::new(bus);
    channels.beside(Arc::new(Others(cluster.elsewhere())));
    let opened = channels.open(engines, BTreeMap::new()).await;
    opened.expect("there are none yet");
    let settings = SessionsSettings {
        anonymous: true,
        ..SessionsSettings::default()
    };
    let surroundings = Surroundings {
        bus: bus.clone(),
        channels,
        access: Access::open(clock),
        environment,
        hooks: Arc::new(NoHooks),
        mesh: cluster.mesh(),
    };
    Sessions::new(surroundings, settings, namespaces())
}

fn namespaces() -> Namespaces {
    let everybody = AllowedFor {
        client: true,
        subscriber: true,
        anonymous: true,
    };
    let open = |name: &str| Namespace {
        subscribe: everybody,
        publish: everybody,
        history: everybody,
        see_presence: everybody,
        ..Namespace::new(name)
    };
    let kept = Namespace {
        history_size: usize::try_from(histories::KEPT).expect("few"),
        history_ttl: Duration::from_secs(3600),
        force_recovery: true,
        ..open("kept")
    };
    let here = Namespace {
        presence: true,
        join_leave: true,
        ..open("here")
    };
    let all = [open("live"), kept, here].map(|one| (one.name.clone(), one));
    Namespaces::of(&all.into(), []).0
}

/// Lets clients in, and looks at whom the node sees; until the node ends.
pub fn start(context: &Context, sessions: &Sessions, random: &mut StdRng) {
    let arrivals = arrivals(
        context.clone(),
        sessions.clone(),
        StdRng::from_seed(random.random()),
    );
    spawn_local(arrivals);
    spawn_local(look(context.clone(), sessions.clone()));
}

async fn arrivals(context: Context, sessions: Sessions, mut random: StdRng) {
    loop {
        sleep(ARRIVALS).await;
        let arrived: Vec<usize> = {
            let mut ledger = context.ledger.borrow_mut();
            let clients = ledger.visits.clients.iter_mut().enumerate();
            let arrived = clients.filter_map(|(number, client)| {
                let Some(Seat { life, is_taken }) = &mut client.seat else {
                    return None;
                };
                let is_new = *life == context.life && !*is_taken;
                *is_taken |= is_new;
                is_new.then_some(number)
            });
            arrived.collect()
        };
        for client in arrived {
            let random = StdRng::from_seed(random.random());
            let visit = Visit::new(context.clone(), sessions.clone(), client, random);
            spawn_local(visit.stay());
        }
    }
}

/// Notes which channels the node wants, and which others want, as it knows it.
fn note_interest(context: &Context, sessions: &Sessions) {
    let mut ledger = context.ledger.borrow_mut();
    let nodes_with = channels().map(|channel| {
        let name = ChannelName::new(&channel).expect("a valid name");
        let nodes = sessions.nodes_with(&name).into_iter();
        let lives = nodes.map(|node| {
            let life = ledger.of_incarnation(&node.incarnation.to_string());
            life.expect("whoever is there has begun")
        });
        (channel, lives.collect())
    });
    let nodes_with = nodes_with.collect();
    let across = sessions.stats().across;
    let look = Look {
        here: across.wanted_here,
        elsewhere: across.wanted_elsewhere,
        nodes_with,
    };
    let looks = &mut ledger.visits.interests.looks;
    looks.insert(context.life, look);
}

/// Notes again and again whom the node sees, in channels and in all, and what is wanted.
async fn look(context: Context, sessions: Sessions) {
    loop {
        sleep(LOOKS).await;
        note_interest(&context, &sessions);
        for channel in (0..HERE).map(|number| format!("here:{number}")) {
            let name = ChannelName::new(&channel).expect("a valid name");
            let from = now();
            let Ok(present) = sessions.presence(&name).await else {
                continue;
            };
            let clients = present.iter().map(|info| info.client.clone()).collect();
            let at = now();
            let seen = Seen { from, at, clients };
            let mut ledger = context.ledger.borrow_mut();
            ledger.coverage.presence_looks += 1;
            let looks = &mut ledger.visits.presences.seen;
            looks.insert((context.life, channel), seen);
        }
        let from = now();
        let Some(clients) = listed(&sessions).await else {
            continue;
        };
        let at = now();
        let seen = Seen { from, at, clients };
        let mut ledger = context.ledger.borrow_mut();
        ledger.visits.presences.listed.insert(context.life, seen);
    }
}

/// All sessions of all nodes, page by page; `None` when some node did not answer.
async fn listed(sessions: &Sessions) -> Option<Vec<String>> {
    let mut clients: Vec<String> = Vec::new();
    loop {
        let after = clients.last().cloned().unwrap_or_default();
        let page = sessions.list_everywhere(&Whose::All, None, &after, PAGE);
        let page = page.await;
        if page.is_partial {
            return None;
        }
        let ids = page.sessions.iter().map(|one| (*one.client).to_owned());
        clients.extend(ids);
        if !page.has_more {
            return Some(clients);
        }
    }
}
