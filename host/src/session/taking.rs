//! Handing a publication to its channel's hub, or to the node that numbers it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::across::{Forwarded, Offered};
use super::history_settings::HistorySettings;
use super::hub::{Answered, Gone, Hub, NewPublication, Taken};
use super::name::ChannelName;
use super::namespace::Namespace;
use super::receipt::{PublishFailure, Publishing, SessionReceipt};
use super::shared::Shared;
use super::source::Source;
use crate::bus::Publisher;

/// How much later than it is given up there an answer of the others is waited for.
const LATER: Duration = Duration::from_millis(500);

/// Where a publication went.
pub(super) enum Went {
    /// It was taken here.
    Here(Taken),
    /// It is on its way to the node that numbers it, or is to go there behind others; what
    /// becomes of it comes here, until then.
    There(oneshot::Receiver<Result<Taken, Forwarded>>, Instant),
}

/// What is published to a channel of a namespace, as its hub takes it.
///
/// # Errors
/// [`PublishFailure`] when the event breaks a rule.
pub(super) fn encoded<'n>(
    publisher: &Publisher,
    name: &ChannelName,
    namespace: &'n Namespace,
    publishing: Publishing<'_>,
) -> Result<NewPublication<'n>, PublishFailure> {
    let Publishing {
        draft,
        options,
        info,
    } = publishing;
    let mut draft = draft;
    let channel = name.as_str().to_owned();
    draft.channel = Some(Cow::Owned(channel));
    let encoded = publisher.encode_all(std::slice::from_ref(&draft));
    let encoded = encoded.map_err(|(_, error)| PublishFailure::Event(error))?;
    let event = encoded.into_iter().next().expect("one becomes one");
    Ok(NewPublication {
        event,
        info,
        tags: options.tags,
        tagged: &namespace.tags,
        exclude: options.exclude,
        key: options.idempotency_key,
        as_delta: options.delta || namespace.delta_publish,
        skips_history: options.skip_history,
        history: namespace.history_in_memory(),
    })
}

impl Shared {
    /// Has the channel's hub take a publication, or the node that numbers it. Where nobody would
    /// remember it, no hub is made. Waits for nobody; until then it is tried.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not; then nobody gets it.
    pub(super) fn take(
        self: &Arc<Self>,
        publisher: &Publisher,
        name: &ChannelName,
        namespace: &Namespace,
        new: &NewPublication<'_>,
        until: Instant,
    ) -> Result<Went, PublishFailure> {
        if let Some(settings) = new.history.filter(|_| !new.skips_history) {
            return self.take_kept(publisher, name, namespace, (new, settings), until);
        }
        let _turn = self.across.turn(name);
        let beyond = || self.across.send_live(name, new);
        let take = |hub: &Arc<Hub>| self.take_in(hub, new, Some(publisher), beyond);
        let taken = if new.key.is_some() {
            let made = |hub: &Arc<Hub>| self.look_after(hub);
            let source = Source::Publishers;
            let taken = self.hubs.with(name, namespace, &source, made, take);
            // One that changes is used by others for a moment more.
            taken.map_err(|_| PublishFailure::TooManyChannels(name.clone()))?
        } else {
            let hub = self.hubs.get(name);
            hub.and_then(|hub| take(&hub).ok()).flatten()
        };
        let taken = taken.unwrap_or_else(|| {
            publisher.publish_stored(std::slice::from_ref(&new.event));
            beyond();
            let answered = Answered {
                id: new.event.id().into(),
                time: new.event.recorded_time(),
                position: None,
            };
            Taken {
                answered,
                is_duplicate: false,
            }
        });
        Ok(Went::Here(taken))
    }

    /// The same of a publication that has a place in a history.
    fn take_kept(
        self: &Arc<Self>,
        publisher: &Publisher,
        name: &ChannelName,
        namespace: &Namespace,
        (new, settings): (&NewPublication<'_>, HistorySettings),
        until: Instant,
    ) -> Result<Went, PublishFailure> {
        let across = &self.across;
        let is_alone = self.is_alone();
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let take = |hub: &Arc<Hub>| {
            // Behind those that go elsewhere.
            if across.homes.are_waiting(name) {
                return Ok(None);
            }
            let taken = self.take_in(hub, new, Some(publisher), || {})?;
            if taken.is_some() || !is_alone {
                return Ok(taken);
            }
            // Where there is no other node, the log begins here.
            self.on_log(hub, settings, |log, view, todo| log.want(view, todo))?;
            self.take_in(hub, new, Some(publisher), || {})
        };
        let taken = match is_alone {
            true => {
                let source = Source::Publishers;
                let taken = self.hubs.with(name, namespace, &source, made, take);
                // One that changes is used by others for a moment more.
                taken.map_err(|_| PublishFailure::TooManyChannels(name.clone()))?
            }
            // What another node keeps needs no hub here.
            false => {
                let hub = self.hubs.get(name);
                hub.and_then(|hub| take(&hub).ok()).flatten()
            }
        };
        if let Some(taken) = taken {
            return Ok(Went::Here(taken));
        }
        let (offered, answered) = Offered::new(new, publisher.clone(), until);
        let answered = self.forward(name, offered, answered);
        let answered = answered.map_err(|why| failed(name, why))?;
        Ok(Went::There(answered, until))
    }

    /// Has a hub take a publication, if this node numbers it where it has a number.
    ///
    /// # Errors
    /// [`Gone`] when the hub takes none any more.
    pub(super) fn take_in(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        new: &NewPublication<'_>,
        publisher: Option<&Publisher>,
        beyond: impl FnOnce(),
    ) -> Result<Option<Taken>, Gone> {
        let (random, now) = (self.environment.random(), self.wheel.now());
        let send = |to: &[_], word| self.say_of_log(hub.name(), to, word);
        let taken = hub.publish(new, publisher, random, now, send, beyond)?;
        self.stir(hub);
        Ok(taken)
    }

    /// What becomes of a publication, once that is known.
    ///
    /// # Errors
    /// [`PublishFailure`] says why it is not published, or that it is not known.
    pub(super) async fn taken(
        &self,
        name: &ChannelName,
        went: Went,
    ) -> Result<Taken, PublishFailure> {
        match went {
            Went::Here(taken) => Ok(taken),
            Went::There(answered, until) => match timeout_at(until + LATER, answered).await {
                Ok(Ok(taken)) => taken.map_err(|why| failed(name, why)),
                Ok(Err(_)) | Err(_) => Err(PublishFailure::Unknown(name.clone())),
            },
        }
    }

    /// What is said of a publication that was taken.
    pub(super) fn receipt(&self, name: &ChannelName, taken: Taken) -> SessionReceipt {
        if !taken.is_duplicate {
            self.counts.published.fetch_add(1, Ordering::Relaxed);
        }
        let Answered { id, time, position } = taken.answered;
        SessionReceipt {
            id,
            time,
            channel: name.clone(),
            position,
            duplicate: taken.is_duplicate,
        }
    }
}

fn failed(name: &ChannelName, why: Forwarded) -> PublishFailure {
    let name = name.clone();
    match why {
        Forwarded::Away => PublishFailure::Away(name),
        Forwarded::Unknown => PublishFailure::Unknown(name),
        Forwarded::Refused => PublishFailure::UnknownChannel(name),
        Forwarded::Busy => PublishFailure::Busy(name),
        Forwarded::TooMany => PublishFailure::TooManyChannels(name),
    }
}
