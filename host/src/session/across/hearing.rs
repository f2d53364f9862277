//! What becomes of what is heard of other nodes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::protocol::across::Kind;
use super::protocol::{Anew, Ask, Draining, Met, Refusal, answer, ask};
use super::wire::{Unreadable, decode};
use crate::mesh::{Ears, News, PeerNode};
use crate::session::shared::Shared;

/// Longest that a request of another node is worked on: longer than anybody waits for the answer.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// Hears other nodes for the sessions of this one.
pub(in crate::session) struct Hearing(pub(in crate::session) Arc<Shared>);

impl Ears for Hearing {
    fn hear(&self, news: News) {
        self.0.hear_news(news);
    }
}

impl Shared {
    /// Something is heard of another node. What concerns who is there is done first, so that
    /// all else finds it so.
    fn hear_news(self: &Arc<Self>, news: News) {
        let across = &self.across;
        match &news {
            News::Joined(peer) => {
                if let Some(before) = across.members.join(peer) {
                    self.forget_node(&before);
                }
                // Whoever asked it before it was gone is not answered any more.
                across.waiting.fail(peer);
                across.interest.join(peer);
                self.open_far_anew(peer);
                self.join_presence(peer);
                self.begin_anew(peer);
                // Behind that, so that what is said of logs does not come before it.
                self.look_at_all_logs();
                self.end_earlier_on(peer);
            }
            News::Back(peer) => {
                across.members.set_away(peer, false);
                across.interest.set_away(peer, false);
            }
            News::Away(peer) => {
                across.members.set_away(peer, true);
                across.interest.set_away(peer, true);
            }
            News::Unreachable(peer) | News::Left(peer) => {
                if across.members.part(peer) {
                    self.forget_node(peer);
                }
            }
            News::Gap(peer) => {
                if across.members.has(peer) {
                    across.traffic.gap();
                    across.interest.lose(peer);
                    self.node_missed(peer);
                    self.open_far_anew(peer);
                    self.forget_presence_watcher(peer);
                    self.begin_anew(peer);
                }
            }
            News::Message { from, message } => {
                if across.members.has(from) {
                    self.take_message(from, message.clone());
                }
            }
        }
    }

    /// A node is gone, and what is known of it.
    fn forget_node(self: &Arc<Self>, peer: &PeerNode) {
        self.across.interest.part(peer);
        self.across.waiting.fail(peer);
        self.across.durable.unwatch_all(peer);
        self.node_went(peer);
        self.part_presence(peer);
    }

    /// What this node and another know of each other may not be what the other one says.
    fn begin_anew(self: &Arc<Self>, peer: &PeerNode) {
        // Before that, so that what is asked for in answer says so.
        self.say_met(peer);
        self.across.say(peer, Kind::Anew(Anew {}));
        self.say_all(peer);
    }

    fn say_met(&self, peer: &PeerNode) {
        let meeting = self.across.members.meeting(peer);
        self.across.say(peer, Kind::Met(Met { meeting }));
    }

    /// A node is to be told all.
    fn say_all(self: &Arc<Self>, peer: &PeerNode) {
        self.say_draining(peer);
        self.across.interest.say_all(peer);
        self.ask_presence_anew(peer);
    }

    fn take_message(self: &Arc<Self>, from: &PeerNode, message: Bytes) {
        let taken = decode(message).and_then(|kind| match kind {
            Some(kind) => self.take_kind(from, kind),
            None => Ok(()),
        });
        self.across.traffic.received(taken.is_ok());
        if let Err(error) = taken
            && self.across.complaints.may()
        {
            tracing::error!(
                node = %from.name, %error,
                "a message about another node's sessions cannot be read and is ignored"
            );
        }
    }

    fn take_kind(self: &Arc<Self>, from: &PeerNode, kind: Kind) -> Result<(), Unreadable> {
        let across = &self.across;
        match kind {
            Kind::Anew(Anew {}) => {
                // It may have forgotten who follows it: whoever was away only for a moment by
                // its own clock was gone for the other.
                self.node_missed(from);
                self.open_far_anew(from);
                self.say_met(from);
                self.say_all(from);
                self.end_earlier_on(from);
            }
            Kind::Met(Met { meeting }) => across.members.set_meeting_there(from, meeting),
            Kind::WantedWhole(whole) => {
                if across.interest.hear_whole(from, &whole) {
                    self.begin_anew(from);
                }
            }
            Kind::WantedChange(change) => {
                if across.interest.hear_change(from, &change) {
                    self.begin_anew(from);
                }
            }
            Kind::WantedKnown(known) => across.interest.hear_known(from, known),
            Kind::Live(live) => self.hear_live(from, live)?,
            Kind::Home(home) => self.hear_of_log(from, home)?,
            Kind::LogNews(news) => self.take_log_news(from, &news),
            Kind::UnwatchLog(unwatch) => self.take_unwatch(from, &unwatch),
            Kind::Draining(Draining {}) => self.node_drains(from),
            Kind::Ask(ask) => self.take_ask(from, ask),
            Kind::Answer(answer) => across.answered(from, answer),
            Kind::PresenceAsk(asked) => self.hear_presence_ask(from, asked),
            Kind::PresenceTold(told) => self.hear_presence_told(from, told),
            Kind::PresenceChanged(changed) => self.hear_presence_changed(from, changed),
            Kind::PresenceForget(forget) => self.hear_presence_forget(from, &forget),
            Kind::Holding(holding) => self.hear_holding(from, holding),
        }
        Ok(())
    }

    /// Another node asks for something.
    fn take_ask(self: &Arc<Self>, from: &PeerNode, ask: Ask) {
        let Ask { id, meeting, what } = ask;
        if !self.across.members.is_of_now(from, meeting) {
            // It has waited while neither could reach the other, longer than anybody does.
            return self.across.refuse(from, id, Refusal::moved());
        }
        let shared = Arc::clone(self);
        match what {
            Some(ask::What::Publish(publish)) => self.number(from, id, publish),
            Some(ask::What::OpenLog(open)) => {
                self.serve(from, id, shared.serve_open(from.clone(), open));
            }
            Some(ask::What::ReadLog(read)) => self.serve(from, id, shared.serve_read(read)),
            Some(ask::What::AppendLog(append)) => {
                self.serve(from, id, shared.serve_append(from.clone(), append));
            }
            Some(ask::What::TrimLog(trim)) => self.serve(from, id, shared.serve_trim(trim)),
            Some(ask::What::RemoveHistory(removing)) => {
                self.serve(from, id, shared.serve_removing(removing));
            }
            Some(ask::What::Act(act)) => self.serve(from, id, shared.serve_act(act)),
            Some(ask::What::Sessions(list)) => self.serve(from, id, async move {
                answer::What::Sessions(shared.listed(&list))
            }),
            Some(ask::What::Channels(list)) => self.serve(from, id, async move {
                answer::What::Channels(shared.channels_listed(&list))
            }),
            Some(ask::What::Usage(_)) => {
                self.serve(from, id, async move { answer::What::Usage(shared.usage()) })
            }
            None => self.across.refuse(from, id, Refusal::unknown_request()),
        }
    }

    /// Answers another node by a task, since it takes longer than a moment. Also while this node
    /// drains: sessions that are yet to be closed are meant too, and logs are still here.
    pub(super) fn serve(
        self: &Arc<Self>,
        from: &PeerNode,
        id: u64,
        answer: impl Future<Output = answer::What> + Send + 'static,
    ) {
        let Some(served) = self.across.serving.begin(from) else {
            return self.across.refuse(from, id, Refusal::busy());
        };
        let (shared, from) = (Arc::clone(self), from.clone());
        self.tasks.carry_out(async move {
            let _served = served;
            // Nobody waits for longer.
            if let Ok(answer) = timeout(SERVED_WITHIN, answer).await {
                shared.across.answer(&from, id, answer);
            }
        });
    }
}
