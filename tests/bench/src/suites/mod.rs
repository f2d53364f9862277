//! One file a suite.

pub(crate) mod cluster;
pub(crate) mod dispatch;
pub(crate) mod guests;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod routing;
