//! One file a suite, or a part of one.

pub(crate) mod channels;
pub(crate) mod cluster;
mod deadline;
pub(crate) mod dispatch;
pub(crate) mod guests;
pub(crate) mod hooks;
pub(crate) mod http;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod routing;
pub(crate) mod sessions;
pub(crate) mod streams;
