//! Publishing to channels of sessions by `POST /v1/events`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::refusal::SessionRefusal;
use crate::bus::Publisher;
use crate::channel::NamespaceFailure;
use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::endpoints::publish::{Accepted, Mode, Receipt, Sender, Submission};
use crate::gateway::rejection::Rejection;
use crate::session::{PublishFailure, PublishOptions, Sessions};

/// Publishes what names channels of sessions, all or nothing; `None` if nothing does.
///
/// # Errors
/// [`Rejection`] when an event cannot be published, or when only some of several events name
/// such a channel.
pub(in crate::gateway) async fn publish(
    sender: Sender<'_>,
    submission: &mut Submission,
) -> Result<Option<Response>, Rejection> {
    let context = sender.context;
    let is_of_sessions = |channel: &Option<_>| {
        channel
            .as_deref()
            .is_some_and(|channel| context.sessions.has_channel(channel))
    };
    let of_sessions = submission
        .drafts
        .iter()
        .filter(|draft| is_of_sessions(&draft.channel))
        .count();
    match of_sessions {
        0 => return Ok(None),
        count if count < submission.drafts.len() => return Err(SessionRefusal::Mixed.into()),
        _ => {}
    }
    sender.check(submission)?;
    sender.take(submission.drafts.len())?;
    let publisher = sender
        .client
        .connection
        .publisher(sender.identity, &context.bus);
    let principal = sender.identity.principal().to_string();
    if submission.drafts.len() > 1 {
        check_all(&context.sessions, &publisher, submission)?;
    }
    let mut accepted = Vec::with_capacity(submission.drafts.len());
    for (at, mut draft) in std::mem::take(&mut submission.drafts)
        .into_iter()
        .enumerate()
    {
        let channel = draft.channel.take().unwrap_or_default();
        let options = PublishOptions {
            // An event that is sent again is published once.
            idempotency_key: draft.id.as_deref().map(str::to_owned),
            ..PublishOptions::default()
        };
        let published = context
            .sessions
            .publish(&publisher, &principal, &channel, draft, options);
        let receipt = published.await.map_err(|failure| match failure {
            PublishFailure::Event(error) => submission.refused(at, error),
            failure => submission.placed(at, SessionRefusal::Publish(failure).into()),
        })?;
        accepted.push(Accepted::published(&receipt));
    }
    let receipt = match submission.mode {
        Mode::Batched => Receipt::Batch(accepted),
        _ => Receipt::One(accepted.pop().ok_or(Rejection::Internal)?),
    };
    Ok(Some((StatusCode::ACCEPTED, receipt).into_response()))
}

/// Has the durable channel made that the first event names, if it is one of a namespace and
/// whoever publishes may: the others name the same.
///
/// # Errors
/// [`Rejection`] when they may not, or it cannot be made.
pub(in crate::gateway) async fn make_durable(
    sender: Sender<'_>,
    submission: &Submission,
) -> Result<(), Rejection> {
    let first = submission.drafts.first();
    let Some(channel) = first.and_then(|draft| draft.channel.as_deref()) else {
        return Ok(());
    };
    let sessions = &sender.context.sessions;
    if !sessions.is_of_durable(channel) {
        return Ok(());
    }
    sender.check(submission)?;
    let made = sessions.make_if_durable(channel).await;
    made.map_err(|failure| match failure {
        NamespaceFailure::Set(failure) => ChannelRefusal::from(failure).into(),
        NamespaceFailure::Elsewhere(_) | NamespaceFailure::TooMany { .. } => {
            SessionRefusal::Made(failure.to_string()).into()
        }
    })
}

/// Checks all of several events before the first is published. One alone is checked as it is
/// published.
fn check_all(
    sessions: &Sessions,
    publisher: &Publisher,
    submission: &Submission,
) -> Result<(), Rejection> {
    for (at, draft) in submission.drafts.iter().enumerate() {
        let channel = draft.channel.as_deref().unwrap_or_default();
        let checked = sessions.check_channel(channel);
        checked
            .map_err(|failure| submission.placed(at, SessionRefusal::Publish(failure).into()))?;
    }
    let encoded = publisher.encode_all(&submission.drafts);
    encoded.map_err(|(at, error)| submission.refused(at, error))?;
    Ok(())
}
