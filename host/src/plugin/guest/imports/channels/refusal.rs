//! Why a guest's events are not appended.

use hearken_channel_log::{AppendError, BatchError, ChannelState, Span};

use super::missing::nearest_of;
use crate::bus::PublishError;
use crate::channel::{AppendFailure, Channel, NoChannel};
use crate::plugin::guest::bindings::plugin::hearken::plugin::types;
use crate::plugin::guest::imports::forms::{OVER_BUDGET, span};

/// Why a guest's events are not appended.
#[derive(Debug, thiserror::Error)]
pub(in crate::plugin::guest::imports) enum AppendRefusal {
    #[error(transparent)]
    NoChannel(#[from] NoChannel),
    #[error("the channel was removed")]
    Removed,
    #[error("the node's channels are being opened; try again later")]
    Starting,
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{OVER_BUDGET}")]
    Budget,
    #[error("events of the channel are damaged; an operator has to repair it")]
    Damaged(Vec<Span>),
    #[error(transparent)]
    Failure(AppendFailure),
}

impl From<AppendRefusal> for types::AppendError {
    fn from(refusal: AppendRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            AppendRefusal::NoChannel(missing) => {
                nearest_of(&missing).map_or_else(Self::NodeAway, Self::NoChannel)
            }
            AppendRefusal::Removed => Self::NoChannel(None),
            AppendRefusal::Starting => Self::Overloaded,
            AppendRefusal::Denied(why) => Self::Denied(why),
            AppendRefusal::Invalid(why) => Self::Invalid(why),
            AppendRefusal::TooLarge(why) => Self::TooLarge(why),
            AppendRefusal::Budget => Self::BudgetExceeded,
            AppendRefusal::Damaged(ranges) => Self::Damaged(ranges.into_iter().map(span).collect()),
            AppendRefusal::Failure(failure) => match failure {
                AppendFailure::Event { .. }
                | AppendFailure::Batch(BatchError::Malformed(_) | BatchError::Behind(_))
                | AppendFailure::Log(AppendError::AnotherLog { .. }) => Self::Invalid(text),
                AppendFailure::DeadLetters(_) => Self::Denied(text),
                AppendFailure::Batch(BatchError::Events | BatchError::Bytes(_))
                | AppendFailure::Log(AppendError::TooLarge { .. }) => Self::TooLarge(text),
                AppendFailure::Slow(_)
                | AppendFailure::Broken
                | AppendFailure::Log(AppendError::Unknown(_)) => Self::OutcomeUnknown(text),
                AppendFailure::Closing | AppendFailure::Log(AppendError::Overloaded) => {
                    Self::Overloaded
                }
                AppendFailure::Log(AppendError::NoChannel(_)) => Self::NoChannel(None),
                AppendFailure::Log(AppendError::Conflict { last }) => Self::Conflict(last),
                AppendFailure::Log(AppendError::Full(_)) => Self::Full(text),
                AppendFailure::Log(AppendError::Damaged) => Self::Damaged(Vec::new()),
                AppendFailure::Log(AppendError::StorageFailed(_)) => Self::StorageFailed(text),
            },
        }
    }
}

/// What a guest is told of a channel's failure to append so many events.
pub(super) fn refusal(channel: &Channel, failure: AppendFailure, events: usize) -> AppendRefusal {
    match failure {
        AppendFailure::Event { at, error } => {
            let place = match events {
                1 => String::new(),
                _ => format!("event {at} of the batch: "),
            };
            let why = format!("{place}{error}");
            match error {
                PublishError::TooLarge { .. } => AppendRefusal::TooLarge(why),
                PublishError::Draft(_) | PublishError::OfChannel(_) => AppendRefusal::Invalid(why),
            }
        }
        AppendFailure::Log(AppendError::NoChannel(_)) => AppendRefusal::Removed,
        AppendFailure::Log(AppendError::Damaged) => {
            let state = channel.status().map(|status| status.info.state);
            AppendRefusal::Damaged(match state {
                Some(ChannelState::Damaged { ranges }) => ranges,
                _ => Vec::new(),
            })
        }
        failure => AppendRefusal::Failure(failure),
    }
}
