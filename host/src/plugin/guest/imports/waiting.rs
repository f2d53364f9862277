//! `hearken:plugin/waiting`: waits beside which a guest does something else.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, subscribe};

use super::forms::lift;
use crate::plugin::guest::bindings::plugin::hearken::plugin::{events, types, waiting};
use crate::plugin::guest::state::Guest;
use crate::plugin::guest::wait::Wait;

/// Waits that an instance may have at once: each makes publishers look at it, and holds the
/// event that came until it is taken.
const MAX_WAITS: usize = 64;

/// Longest wait: longer than any deadline is.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

impl waiting::Host for &mut Guest {
    fn start(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> wasmtime::Result<Result<Resource<Wait>, events::WaitError>> {
        // One is the guest's own.
        if Arc::strong_count(&self.waits) > MAX_WAITS {
            let why = format!("no more than {MAX_WAITS} waits can be under way at once");
            return Ok(Err(events::WaitError::Invalid(why)));
        }
        let receiver = match self.begin_wait(filter) {
            Ok(receiver) => receiver,
            Err(error) => return Ok(Err(error)),
        };
        let timeout = Duration::from_millis(timeout_ms).min(MAX_WAIT);
        let (rights, counted) = (self.rights.clone(), Arc::clone(&self.waits));
        let wait = Wait::new(receiver, rights, Instant::now() + timeout, counted);
        Ok(Ok(self.table.push(wait)?))
    }
}

impl waiting::HostWait for &mut Guest {
    fn subscribe(&mut self, wait: Resource<Wait>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, wait)
    }

    fn take(
        &mut self,
        wait: Resource<Wait>,
    ) -> wasmtime::Result<Option<Result<types::EventResult, events::WaitError>>> {
        let found = self.table.get_mut(&wait)?.take();
        let node = self.plugin.bus.node();
        Ok(found.map(|event| match event {
            Some(event) => Ok(lift(event.packed(), node)),
            None => Err(events::WaitError::TimedOut),
        }))
    }

    fn drop(&mut self, wait: Resource<Wait>) -> wasmtime::Result<()> {
        self.table.delete(wait)?;
        Ok(())
    }
}
