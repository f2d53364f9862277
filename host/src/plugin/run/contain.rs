//! Panics on the way into a guest, turned into the death of its instance.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::panics::panic_text;
use crate::plugin::guest::death::Death;

/// Runs a call into a guest. A panic on the way is a mistake of this host that
/// the guest has found: it costs the guest its instance, and nobody a worker.
// An `async` function would keep the call twice, of which each idle worker has one.
pub(crate) fn contain<T>(
    call: impl Future<Output = Result<T, Death>>,
) -> impl Future<Output = Result<T, Death>> {
    // Whatever the call left half-way belongs to the instance, which is thrown away.
    AssertUnwindSafe(call).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|panic| {
            let text = panic_text(&*panic);
            Err(Death::told(format!("the host failed: {text}")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_host_is_a_death_of_the_instance() {
        let call = async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "a mistake");
            Ok(())
        };
        let death = contain(call).await.expect_err("it panicked");
        assert!(death.reason.contains("a mistake"), "{}", death.reason);
    }
}
