//! The hub of a channel: takes each publication once, keeps its history and who is there, and
//! hands it to all sessions that are subscribed.
//!
//! | file | what it is |
//! | --- | --- |
//! | `subscriber` | a session's place in a hub: what it is sent, and when that begins and ends |
//! | `item` | what hubs hand on, and what waits for that |
//! | `batch` | handing on: each thing is encoded once for all who get the same bytes |
//! | `channel_hub`, `state` | one channel: [`Hub`] |
//! | `subscribing` | coming and going |
//! | `publishing`, `answered` | taking publications |
//! | `member`, `foreign`, `company` | who is there, here and on other nodes |
//! | `filling` | the same of those that come from elsewhere, and who lags behind |
//! | `homing`, `seen` | its part in a log that several nodes have |
//!
//! A hub gives each publication a serial number under its lock, and a subscriber the number
//! after which it begins. So whoever subscribes gets what was there before from the history
//! and all else from the hub, nothing twice and nothing not at all.

mod answered;
mod batch;
mod channel_hub;
mod company;
mod filling;
mod foreign;
mod homing;
mod item;
mod member;
mod publishing;
mod seen;
mod state;
mod subscriber;
mod subscribing;

pub(super) use answered::Answered;
pub(super) use batch::full_of_deltas;
pub(super) use channel_hub::{Gone, Hub};
pub(super) use company::Looks;
pub(super) use filling::Read;
pub use item::Exclude;
pub(super) use member::{Member, MemberChange, Members};
pub(super) use publishing::{NewPublication, Taken};
pub(super) use seen::{LogWord, Seen};
pub(super) use subscriber::{NewSubscriber, Resumed, Subscriber};
pub(super) use subscribing::{Begin, Reads, Subscribed, Subscribing, Wants};
