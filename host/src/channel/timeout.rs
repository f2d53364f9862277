//! How long an engine is waited for.

use std::time::Duration;

use hearken_channel_log::StorageFault;

/// How long an engine may take to answer: long after a disk that takes its time, and before
/// those who wait for one that hangs hold all connections of the node.
pub(super) const ENGINE_TIMEOUT: Duration = Duration::from_secs(30);

/// What an engine answers; what `late` makes of the fault when it does not within
/// [`ENGINE_TIMEOUT`]. It may still do what it was asked for.
pub(super) async fn in_time<T, E>(
    answer: impl Future<Output = Result<T, E>>,
    late: impl FnOnce(StorageFault) -> E,
) -> Result<T, E> {
    let answered = tokio::time::timeout(ENGINE_TIMEOUT, answer).await;
    answered.unwrap_or_else(|_| {
        let time = humantime::format_duration(ENGINE_TIMEOUT);
        let text = format!(
            "the disk has not answered within {time}; it may still do what it was asked for"
        );
        Err(late(StorageFault::new(text)))
    })
}
