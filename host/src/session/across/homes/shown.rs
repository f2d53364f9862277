//! What a node shows of the logs that it has a part in.

use crate::session::homed::Standing;
use crate::session::sessions::Sessions;

/// How many histories in memory a node has a part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoriesShown {
    /// Those that it keeps, and numbers the publications of.
    pub kept: usize,
    /// Those of other nodes that it follows, since somebody here needs them.
    pub followed: usize,
}

impl Sessions {
    /// How many histories in memory this node has a part in.
    #[must_use]
    pub fn histories(&self) -> HistoriesShown {
        let mut shown = HistoriesShown::default();
        for hub in self.0.hubs.all() {
            match hub.standing() {
                (Standing::Owned, Some(_)) => shown.kept += 1,
                (Standing::Followed { .. }, _) => shown.followed += 1,
                (Standing::Owned, None) | (Standing::Unsettled, _) => {}
            }
        }
        shown
    }
}
