//! Handing a plugin a range of a channel again, for as long as that takes.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::current::Current;
use crate::admin::ReplayRequest;
use crate::panics::contain_panics;
use crate::plugin::run::replay::Replay;
use crate::plugin::run::runtime::Runtime;

/// A replay, and the task that reads for it.
pub(super) struct Replaying {
    pub(super) replay: Arc<Replay>,
    _reading: AbortOnDropHandle<()>,
}

impl Replaying {
    /// Begins to read what is asked for; to be called in the runtime that reads.
    ///
    /// # Errors
    /// Why there is nothing to hand over.
    pub(super) fn begin(
        runtime: &Runtime,
        current: &Current,
        request: &ReplayRequest,
    ) -> Result<Self, String> {
        let ReplayRequest {
            channel: name,
            after,
            until,
            copy,
        } = request;
        let channel = runtime.channels.find(name);
        let channel = channel.map_err(|error| error.to_string())?;
        let filters = current.filters_on(name);
        if filters.is_empty() {
            let channels: Vec<_> = current.channels().into_iter().collect();
            return Err(if channels.is_empty() {
                "the plugin consumes no channel, so that nothing can be handed to it again"
                    .to_owned()
            } else if channels.contains(&name.as_str()) {
                format!("the node's policy lets the plugin hear nothing of the channel `{name}`")
            } else {
                format!(
                    "the plugin has no listener on the channel `{name}`, but on {}",
                    channels.join(", ")
                )
            });
        }
        let last = channel.bounds().map_or(0, |bounds| bounds.last);
        let until = until.unwrap_or(last);
        if until > last {
            return Err(format!(
                "the channel `{name}` ends with number {last}, before {until}"
            ));
        }
        if *after >= until {
            return Err(format!(
                "there is nothing in the channel `{name}` after number {after} and up to {until}"
            ));
        }
        let node = Arc::clone(runtime.bus.node());
        let round = runtime.consumers.replay_round();
        let replay = Replay::new(channel, node, (*after, until), *copy, round, filters);
        let read = Arc::clone(&replay);
        let reading = tokio::spawn(async move {
            if !contain_panics("a replay", Arc::clone(&read).read()).await {
                read.give_up("the host failed");
            }
        });
        Ok(Self {
            replay,
            _reading: AbortOnDropHandle::new(reading),
        })
    }

    /// Whether there is more to hand over.
    pub(super) fn is_under_way(&self) -> bool {
        !self.replay.is_over()
    }

    /// Ends it before everything was handed over.
    ///
    /// # Errors
    /// When there is none, or it is over.
    pub(super) fn stop(replaying: Option<&Self>) -> Result<(), String> {
        let under_way = replaying.filter(|replaying| replaying.is_under_way());
        let under_way = under_way.ok_or("it is not handed any events of a channel again")?;
        under_way.replay.stop();
        Ok(())
    }

    /// Another version goes on with it, or one that may hear something else.
    pub(super) fn go_on_with(&self, current: &Current) {
        let channel = self.replay.channel().name().as_str();
        self.replay.set_filters(current.filters_on(channel));
    }
}
