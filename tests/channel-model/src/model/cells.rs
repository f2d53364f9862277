//! What the cells of a channel may hold.

use std::collections::BTreeMap;

use bytes::Bytes;

/// The values of each cell, oldest first, of which one must be there after a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelCells {
    cells: BTreeMap<String, Vec<Option<Bytes>>>,
    /// Whether the disk may have been full: what is not durable may be lost then.
    pub(crate) lossy: bool,
}

impl ModelCells {
    /// A change is known to be made; if it is durable, nothing older can be there later.
    pub(crate) fn put(&mut self, key: &str, value: Option<Bytes>, durable: bool) {
        let values = self.values(key);
        values.push(value);
        if durable {
            let last = values.len() - 1;
            values.drain(..last);
            if self.lossy {
                return;
            }
            // What is durable makes all before it so.
            for values in self.cells.values_mut() {
                let last = values.len() - 1;
                values.drain(..last);
            }
        }
    }

    /// A change may have been made.
    pub(crate) fn may_put(&mut self, key: &str, value: Option<Bytes>) {
        self.values(key).push(value);
    }

    /// Checks what a cell holds while nothing was lost and nothing is unsure.
    pub(crate) fn check_now(&self, key: &str, found: Option<&Bytes>) -> Result<(), String> {
        let values = self.cells.get(key).map(Vec::as_slice).unwrap_or_default();
        let expected = values.last().and_then(Option::as_ref);
        let older = values.iter().any(|value| value.as_ref() == found);
        if expected == found || self.lossy && (older || found.is_none()) {
            return Ok(());
        }
        Err(format!("the cell {key} holds {found:?}, not {expected:?}"))
    }

    /// Checks what a cell holds after a crash, and takes it for what it is.
    pub(crate) fn check_after(&mut self, key: &str, found: Option<Bytes>) -> Result<(), String> {
        let values = self.values(key);
        if !values.contains(&found) {
            return Err(format!(
                "the cell {key} holds {found:?}, none of {values:?}"
            ));
        }
        *values = vec![found];
        Ok(())
    }

    /// None of them is there any more.
    pub(crate) fn lose_all(&mut self) {
        self.cells.clear();
    }

    fn values(&mut self, key: &str) -> &mut Vec<Option<Bytes>> {
        let values = self.cells.entry(key.to_owned());
        values.or_insert_with(|| vec![None])
    }
}
