//! What becomes different when the filters of a receiver are replaced.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::filter::Filter;

/// What becomes different when the filters of a receiver are replaced.
pub(super) struct Difference {
    pub(super) added: Vec<Arc<Filter>>,
    pub(super) removed: Vec<Arc<Filter>>,
}

impl Difference {
    /// What distinguishes new filters from old ones; of equal filters one is enough.
    /// `filters` becomes the new ones, with the old ones where they stay.
    pub(super) fn between(filters: &mut Vec<Arc<Filter>>, new: Vec<Filter>) -> Self {
        let old = std::mem::take(filters);
        let mut leaving: HashMap<_, _, RandomState> = old
            .iter()
            .map(|filter| (filter.identity(), filter))
            .collect();
        let mut added = Vec::new();
        let mut known: HashSet<_, RandomState> = HashSet::default();
        for filter in &new {
            if !known.insert(filter.identity()) {
                continue;
            }
            match leaving.remove(&filter.identity()) {
                Some(stays) => filters.push(Arc::clone(stays)),
                None => {
                    let filter = Arc::new(filter.clone());
                    added.push(Arc::clone(&filter));
                    filters.push(filter);
                }
            }
        }
        // In their order, which does not depend on hashes.
        let leaves = |filter: &&Arc<Filter>| leaving.contains_key(&filter.identity());
        let removed = old.iter().filter(leaves).cloned().collect();
        Self { added, removed }
    }
}
