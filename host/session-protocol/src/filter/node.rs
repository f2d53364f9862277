//! A filter as a client sends it.

use serde::Deserialize;

use crate::decode::fields::{list, or_default};

/// A comparison of a tag, or a combination of several.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct FilterNode {
    /// `and`, `or` or `not` of `nodes`; empty for a comparison.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub op: String,
    /// Which tag is compared.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// `eq`, `neq`, `sw` (starts with), `ew` (ends with), `ct` (contains), `lt`, `lte`, `gt`,
    /// `gte` (all four of decimal numbers) with `val`; `in`, `nin` (not in) with `vals`; `ex`
    /// (exists), `nex` (does not exist).
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub cmp: String,
    /// What it is compared with.
    #[prost(string, tag = "4")]
    #[serde(deserialize_with = "or_default")]
    pub val: String,
    /// What it is compared with.
    #[prost(string, repeated, tag = "5")]
    #[serde(deserialize_with = "or_default")]
    pub vals: Vec<String>,
    /// What is combined.
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "list")]
    pub nodes: Vec<FilterNode>,
}
