//! One event for a plugin, apart from any node: what it makes of it.

use std::path::Path;
use std::sync::Arc;

use super::consumption;
use super::load::Staged;
use super::workbench::{BenchFolders, Workbench};
use crate::bus::{Filter, Frame, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::config::Policy;
use crate::event::{Draft, Event, Pattern};
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::guest::death::Death;
use crate::plugin::run::inbox::Inbox;
use crate::plugin::run::instance::Handled;
use crate::plugin::run::mailbox::PluginMailbox;

/// Called so, since a plugin sees it in its events.
const NODE: &str = "try";

/// What a plugin made of an event.
#[derive(Debug)]
pub struct Attempt {
    /// The event as it was handed over.
    pub event: Event,
    /// What it published, in order.
    pub sent: Vec<Event>,
    /// Why it failed on the event, if it did.
    pub failure: Option<String>,
}

/// Starts the plugin in `file`, as [`inspect`](super::inspect::inspect) does, and hands it one
/// event. It has stand-ins for its secrets, and channels and records of its own that are gone afterwards.
///
/// # Errors
/// Why the plugin would not load, or would not get the event, in the words that a node would
/// use.
pub async fn attempt(
    file: &Path,
    draft: &Draft<'_>,
    workers: CompileWorkers,
    policy: Policy,
    folders: BenchFolders<'_>,
) -> Result<Attempt, String> {
    let bench = Workbench::new(NODE, file, workers, policy, folders)?;
    let staged = bench.load().await?;
    let Staged {
        version,
        listeners,
        mut slots,
        ..
    } = staged;
    let subscribe = |kind, filters| {
        bench.bus.subscribe(Subscription {
            name: NODE.into(),
            kind,
            filters,
            limits: MailboxLimits::default(),
            overflow: Overflow::DropNewest,
            partitions: 1,
        })
    };
    let every_type = Pattern::new("*").map_err(|error| error.to_string())?;
    let sent = subscribe(ReceiverKind::Stream, vec![Filter::new(every_type)]);
    let wanted = subscribe(ReceiverKind::Plugin, consumption::live(&listeners));
    let source = format!("/nodes/{NODE}/clients/anonymous");
    let publisher = bench.bus.publisher(source, NODE);
    publisher
        .publish(draft)
        .map_err(|error| error.to_string())?;
    let received = || sent.mailbox().try_recv(0).ok().flatten();
    let event = received().ok_or("the event was not published")?;
    let mut frame = Frame::default();
    let mut inbox = Arc::new(PluginMailbox::new(wanted)).inbox(0);
    let taken = inbox.try_take(1, &mut frame);
    if taken.is_err() || frame.is_empty() {
        let patterns = listeners
            .iter()
            .map(|it| format!("`{}`", it.filter.pattern.as_str()));
        return Err(format!(
            "none of its listeners wants live events like this one, of the type `{}`; it listens to {}",
            event.event_type(),
            patterns.collect::<Vec<_>>().join(", ")
        ));
    }
    let slot = slots.pop();
    let (Some(mut instance), handle) = slot
        .map(|slot| (slot.instance, slot.handle))
        .ok_or("it has no instance")?
    else {
        return Err("it has no instance".to_owned());
    };
    let handling = async move {
        let frame = Arc::new(frame);
        instance.handle(&frame, 0..1, None, None).await
    };
    let handled = bench.runtime.executor.spawn(handle, handling).await;
    let Handled {
        failures, death, ..
    } = handled;
    let failures = failures
        .into_iter()
        .map(|failure| Death::told(failure.reason));
    let failures = failures.map(|failure| failure.traced(version.script()));
    let reasons: Vec<_> = failures
        .chain(death)
        .map(|failure| failure.in_full())
        .collect();
    Ok(Attempt {
        event,
        sent: std::iter::from_fn(received).collect(),
        failure: (!reasons.is_empty()).then(|| reasons.join("\n")),
    })
}
