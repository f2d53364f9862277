//! What the HTTP API takes and answers.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::admin::{NodeStatus, PluginStatus};

/// An event to publish, as the API takes it.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct NewEvent<'a> {
    #[serde(rename = "type")]
    pub(in crate::cli) event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::cli) distributed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) channel: Option<&'a str>,
}

/// What the node says of an event that it took.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Published {
    pub(in crate::cli) id: String,
    /// Its number, if it is in a channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) sequence: Option<u64>,
    /// All other members.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// Which events a stream carries.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct StreamFilter<'a> {
    #[serde(rename = "type")]
    pub(in crate::cli) pattern: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) channel: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::cli) local_only: bool,
}

/// What an operator can do to a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum PluginAction {
    Reload,
    Pause,
    Resume,
}

#[derive(Deserialize)]
pub(super) struct Plugins {
    pub(super) plugins: Vec<PluginStatus>,
}

#[derive(Deserialize)]
pub(super) struct Nodes {
    pub(super) nodes: Vec<NodeStatus>,
}

impl PluginAction {
    /// The last part of its path.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}
