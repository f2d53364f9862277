//! `/v1/channels…`: channels, for those who append, read and operate them.
//!
//! | file | what it translates |
//! | --- | --- |
//! | `list`, `show`, `set`, `remove` | which channels there are, and what they are set to |
//! | `append` | `POST …/events`, and events of `POST /v1/events` that name a channel |
//! | `read`, `latest`, `one` | `GET …/events`, as JSON or packed, `…/latest`, `…/events/{sequence}` |
//! | `stream` | `GET …/events` as server-sent events |
//! | `cursors`, `indexes` | `…/cursors/{client}`, `…/indexes/{index}` |
//! | `consumers` | `…/consumers/{plugin}`: plugins that consume the channel |
//! | `operate` | `…/trim`, `…/verify`, `…/repair` |
//! | `elsewhere/` | channels of other nodes: requests that are passed on |
//! | `at`, `address`, `begin`, `position`, `if_match`, `body` | parts of requests |
//! | `view`, `page`, `etag` | parts of answers |
//! | `refusal` | what can go wrong, and the status that it becomes |

mod address;
pub(in crate::gateway) mod append;
mod at;
mod begin;
pub(in crate::gateway) mod body;
pub(in crate::gateway) mod consumers;
pub(in crate::gateway) mod cursors;
pub(in crate::gateway) mod elsewhere;
mod etag;
mod if_match;
pub(in crate::gateway) mod indexes;
pub(in crate::gateway) mod latest;
pub(in crate::gateway) mod list;
pub(in crate::gateway) mod one;
pub(in crate::gateway) mod operate;
mod page;
mod position;
pub(in crate::gateway) mod read;
mod refusal;
pub(in crate::gateway) mod remove;
pub(in crate::gateway) mod set;
pub(in crate::gateway) mod show;
pub(in crate::gateway) mod stream;
#[cfg(test)]
mod tests;
mod view;

pub(in crate::gateway::endpoints) use at::At;
pub(in crate::gateway::endpoints) use elsewhere::UNCOUNTED_RECEIPT;
pub(in crate::gateway) use page::READS_AT_ONCE;
pub(in crate::gateway::endpoints) use page::{counted, counted_by, room, room_of};
pub(in crate::gateway) use refusal::ChannelRefusal;
