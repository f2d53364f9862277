//! Reads files again when they may have changed.

use std::fmt::Display;
use std::path::Path;

use crate::file_watch::FileWatch;

/// Calls `check`, which may block for a moment, at the start and whenever one of the files
/// may have changed, which it looks for once a minute even where the system does not say so.
/// What is wrong is logged, once; `whose` says with what. Never ends.
pub(crate) async fn follow<E: Display + Send + 'static>(
    files: impl IntoIterator<Item = &Path>,
    whose: &'static str,
    check: impl Fn() -> Result<(), E> + Clone + Send + 'static,
) {
    let mut changes = FileWatch::new(files, &format!("{whose} certificates"));
    let mut reported = None;
    loop {
        // Also once at the start, for what has changed before the watch began.
        let checked = tokio::task::spawn_blocking(check.clone()).await;
        let problem = match checked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(format!("reading the certificates failed: {error}")),
        };
        if let Some(problem) = &problem
            && reported.as_ref() != Some(problem)
        {
            tracing::error!(%problem, "{whose} certificates need attention");
        }
        reported = problem;
        changes.next().await;
    }
}
