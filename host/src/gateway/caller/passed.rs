//! Whom another node speaks for.

use crate::access::Identity;

/// Who has sent a request that another node passes on, as that node says. Only what takes
/// requests of nodes puts it there, never a client.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Passed(pub(in crate::gateway) Identity);
