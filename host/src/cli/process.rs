//! The process around a node: what every command that runs one begins and ends
//! with.

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::error::CliError;
use super::open_files;
use super::signals::Signals;
use crate::config::NodeConfig;
use crate::logging;

/// Sets up the log and runs `command`, with a token that the first signal to end
/// cancels; a second one ends the process. What is logged until `command` ends is
/// written before this returns.
pub(super) fn with_log_and_signals(
    config: NodeConfig,
    command: impl AsyncFnOnce(NodeConfig, CancellationToken) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let log = logging::init(&config.log)?;
    open_files::allow(config.http.connections());
    let ran = runtime()?.block_on(async {
        let (reporting, ending) = (log.clone(), log.clone());
        let signals = Signals::listen(move || ending.finish()).map_err(CliError::Runtime)?;
        let reports = async move { reporting.report_dropped().await };
        let _reports = AbortOnDropHandle::new(tokio::spawn(reports));
        command(config, signals.drain().clone()).await
    });
    log.finish();
    ran
}

/// A runtime for a node: network, timers and supervision. Plugins and links run on
/// threads of their own.
fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()
        .map_err(CliError::Runtime)
}
