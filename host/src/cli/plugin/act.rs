//! `hearken plugin reload`, `pause` and `resume`.

use super::show::state;
use crate::cli::client::{Client, PluginAction};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::render::printable;

pub(super) async fn run(
    client: &Client,
    mut output: Output,
    name: &str,
    action: PluginAction,
) -> Result<(), CliError> {
    let status = client.act(name, action).await?;
    output.answer(&status, || {
        let version = match &status.version {
            Some(version) => format!(", version {}", printable(version)),
            None => String::new(),
        };
        format!("{}: {}{version}", status.name, state(status.state))
    })
}
