//! Instances at work: versions that make them, handlers that call them, and workers
//! that take events from a mailbox and hand them over.

pub(super) mod blanking;
pub(super) mod contain;
mod errand;
pub(super) mod exports;
pub(super) mod handler;
pub(super) mod health;
pub(super) mod inbox;
pub(super) mod instance;
pub(super) mod mailbox;
pub(super) mod pace;
pub(super) mod replay;
pub(super) mod reports;
pub(super) mod running;
pub(super) mod runtime;
pub(super) mod slot;
pub(super) mod snapshot;
pub(super) mod sources;
pub(super) mod trial;
pub(super) mod worker;
