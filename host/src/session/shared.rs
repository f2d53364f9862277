//! What the sessions of a node share.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use hearken_channel_log::Environment;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::across::Across;
use super::brought::Brought;
use super::connection::Connection;
use super::counts::Counts;
use super::history_settings::HistorySettings;
use super::hooks::SessionHooks;
use super::hub::{Hub, Subscriber};
use super::hubs::Hubs;
use super::in_use::InUse;
use super::name::ChannelName;
use super::namespace::DEFAULT_NAMESPACE;
use super::namespace::Namespace;
use super::namespaces::Resolved;
use super::pace::{OnceASecond, Pace};
use super::registry::Registry;
use super::reserved::Reserved;
use super::source::Source;
use super::tasks::Tasks;
use super::wheel::Wheel;
use crate::access::{Access, Rate};
use crate::bus::{Bus, Publisher};
use crate::channel::Channels;
use crate::mesh::Mesh;
use crate::panics::panic_text;

/// Reads of logs at a time for all sessions of a node. With 64 KiB each, or one event, what
/// is read for many that come back at once stays small.
const READ_TOGETHER: usize = 32;

/// Plugins that are asked at a time for how long something goes on. Where many sessions expire
/// together, the others wait for as long as a client would have for a token.
const RENEWALS: usize = 64;

/// What the wheel reminds of.
#[derive(Debug)]
pub(super) enum Reminder {
    Session(Weak<Connection>),
    Hub(Weak<Hub>),
}

/// What the sessions of a node share.
pub(super) struct Shared {
    pub(super) bus: Bus,
    pub(super) channels: Channels,
    pub(super) access: Access,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) hooks: Arc<dyn SessionHooks>,
    pub(super) host: Publisher,
    in_use: RwLock<Arc<InUse>>,
    pub(super) reserved: Reserved,
    pub(super) hubs: Hubs,
    /// What these sessions have to do with those of other nodes.
    pub(super) across: Across,
    pub(super) registry: Registry<Connection>,
    pub(super) wheel: Wheel<Reminder>,
    /// Turns of those who read logs, each of which has what it has read in memory.
    pub(super) reading: Semaphore,
    /// Turns of those who read a history for an answer, of which whoever likes may ask for
    /// many: what comes live does not wait for them.
    pub(super) answering: Semaphore,
    /// How fast sessions come.
    connecting: Mutex<Pace>,
    pub(super) counts: Counts,
    /// What waits that was read for sessions which lag.
    pub(super) brought: Arc<Brought>,
    /// Lines of the log about answers that no session has room for.
    pub(super) too_large: OnceASecond,
    /// Of which each is a plugin that is asked for how long something goes on.
    pub(super) renewals: Semaphore,
    pub(super) tasks: Tasks,
}

/// Of what the sessions of a node are made.
pub(super) struct Parts {
    pub(super) bus: Bus,
    pub(super) channels: Channels,
    pub(super) access: Access,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) hooks: Arc<dyn SessionHooks>,
    pub(super) in_use: InUse,
    pub(super) mesh: Arc<dyn Mesh>,
    pub(super) runtime: Handle,
}

impl Shared {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            bus,
            channels,
            access,
            environment,
            hooks,
            in_use,
            mesh,
            runtime,
        } = parts;
        Self {
            host: bus.host_publisher(),
            bus,
            channels,
            access,
            environment,
            hooks,
            in_use: RwLock::new(Arc::new(in_use)),
            reserved: Reserved::new(),
            hubs: Hubs::default(),
            across: Across::new(mesh),
            registry: Registry::new(),
            wheel: Wheel::new(),
            reading: Semaphore::new(READ_TOGETHER),
            answering: Semaphore::new(READ_TOGETHER),
            connecting: Mutex::default(),
            counts: Counts::default(),
            brought: Arc::default(),
            too_large: OnceASecond::default(),
            renewals: Semaphore::new(RENEWALS),
            tasks: Tasks::on(runtime),
        }
    }

    /// The settings that hold now.
    pub(super) fn in_use(&self) -> Arc<InUse> {
        // Only replaced as a whole.
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_use)
    }

    /// From now on these hold.
    pub(super) fn replace(self: &Arc<Self>, replaced: InUse) {
        let replaced = Arc::new(replaced);
        let before = {
            let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *in_use, Arc::clone(&replaced))
        };
        for Namespace { name, .. } in before.namespaces.iter().map(|gone| &**gone) {
            let channels = self.hubs.of_namespace(name);
            if channels > 0 && replaced.namespaces.get(name).is_none() {
                tracing::warn!(
                    namespace = name,
                    channels,
                    "the namespace is gone: unless it comes back, subscriptions to its channels \
                     end within a minute"
                );
            }
        }
        for hub in self.hubs.all() {
            if self.is_another(&hub) && !self.is_unknown(&hub) {
                self.all_missed(&hub);
            }
        }
        // Some may have a history now.
        self.look_at_all_logs();
    }

    /// What a name is the name of.
    pub(super) fn resolve<'n>(&self, in_use: &InUse, name: &'n ChannelName) -> Resolved<'n> {
        let is_declared = |name: &str| self.channels.has_declared(name);
        let resolved = in_use.namespaces.resolve(name, is_declared);
        // What another node has under a name that is of no namespace here was declared there.
        let is_open = match &resolved {
            Resolved::Unknown => true,
            Resolved::Namespace(namespace) => {
                !namespace.durable && namespace.name == DEFAULT_NAMESPACE
            }
            _ => false,
        };
        match is_open && !self.channels.elsewhere(name.as_str()).is_empty() {
            true => Resolved::Durable,
            false => resolved,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn time(&self) -> u64 {
        self.environment.now_millis()
    }

    /// Whether one more session may connect by the rate.
    pub(super) fn may_connect(&self, rate: Option<Rate>) -> bool {
        rate.is_none_or(|rate| self.connecting().take(rate))
    }

    fn connecting(&self) -> MutexGuard<'_, Pace> {
        self.connecting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a session looked after when it is time, unless it is anyway.
    pub(super) fn remind(&self, connection: &Arc<Connection>) {
        let mut state = connection.lock();
        if let Some(due) = state.due()
            && due < state.timers.reminded
        {
            state.timers.reminded = due;
            self.wheel
                .remind(due, Reminder::Session(Arc::downgrade(connection)));
        }
    }

    /// Does what is to be done after something has changed in a hub: what waits is handed on.
    pub(super) fn stir(self: &Arc<Self>, hub: &Arc<Hub>) {
        let stirred = hub.stirred(self.wheel.now());
        if stirred.has_changes {
            self.tell_changes(hub);
        }
        if let Some(due) = stirred.reminder {
            self.wheel.remind(due, Reminder::Hub(Arc::downgrade(hub)));
        }
        if stirred.is_unfilled {
            self.fill(hub);
        }
        if stirred.begins {
            let (shared, hub) = (Arc::clone(self), Arc::clone(hub));
            let hand_on = async move {
                let missed = |one: &Arc<Subscriber>| shared.missed(&hub, one);
                let lags = |one: &Arc<Subscriber>| shared.bring_on(&hub, one);
                hub.hand_on(missed, lags).await;
                shared.count_dropped(&hub);
                shared.release(&hub);
            };
            self.tasks.carry_out(hand_on);
        }
    }

    /// Has a hub filled with what comes from elsewhere.
    fn fill(self: &Arc<Self>, hub: &Arc<Hub>) {
        let (shared, hub) = (Arc::clone(self), Arc::clone(hub));
        match hub.source().clone() {
            Source::Publishers => {}
            Source::Log(log) => {
                let following = Arc::clone(self).follow(Arc::clone(&hub), log);
                self.tasks.run(shared.filling(hub, following));
            }
            Source::Bus(filter) => {
                // From now on, and not only once the task runs.
                let receiver = self.watch_for(&hub, *filter);
                let watching = Arc::clone(self).watch(Arc::clone(&hub), receiver);
                self.tasks.run(shared.filling(hub, watching));
            }
        }
    }

    /// Fills a hub. Should that panic, nothing would come to its subscribers any more: they begin
    /// anew, and so does the filling.
    pub(super) async fn filling(self: Arc<Self>, hub: Arc<Hub>, work: impl Future<Output = ()>) {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        if let Err(panic) = done {
            let (channel, panic) = (hub.name(), panic_text(&*panic));
            tracing::error!(%channel, panic, "the channel's subscribers are cut off");
            hub.cut_off();
            self.all_missed(&hub);
            self.release(&hub);
        }
    }

    /// Sends what tells a session that it is subscribed, if that is still to be told, and lets
    /// through what comes.
    pub(super) fn open(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        subscriber: &Arc<Subscriber>,
        told: Option<Bytes>,
    ) {
        if subscriber.open(told) {
            self.bring_on(hub, subscriber);
        }
    }

    /// Ends a hub if nobody needs it.
    pub(super) fn release(&self, hub: &Arc<Hub>) {
        if hub.subscribers() == 0 {
            self.end_unneeded(hub);
        }
    }

    /// Ends a hub if it is not needed; whether it has ended.
    pub(super) fn end_unneeded(&self, hub: &Arc<Hub>) -> bool {
        let has_ended = self.hubs.release(hub, self.wheel.now());
        if has_ended && hub.looks_elsewhere() {
            self.unwant_presence(hub.name());
        }
        has_ended
    }

    /// What the history of a channel keeps to, if it has one.
    pub(super) fn history_settings(&self, name: &ChannelName) -> Option<HistorySettings> {
        match self.resolve(&self.in_use(), name) {
            Resolved::Namespace(namespace) => namespace.history_in_memory(),
            _ => None,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
