//! `hearken plugin list`.

use super::show::state;
use crate::admin::PluginStatus;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::render::{printable, table};

pub(super) async fn run(client: &Client, mut output: Output) -> Result<(), CliError> {
    let plugins = client.plugins().await?;
    if output.json() {
        return plugins
            .iter()
            .try_for_each(|plugin| output.answer(plugin, String::new));
    }
    if plugins.is_empty() {
        return output.line("no plugins; put a .js, .ts or .wasm into the node's plugins folder");
    }
    let heads = [
        "NAME",
        "VERSION",
        "STATE",
        "DELIVERED",
        "FAILED",
        "DROPPED",
        "QUEUED",
        "LISTENS TO",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(plugins.iter().map(row));
    output.line(&table(&rows))
}

fn row(plugin: &PluginStatus) -> [String; 8] {
    let mut patterns: Vec<&str> = Vec::new();
    for listener in &plugin.listeners {
        if !patterns.contains(&listener.pattern.as_str()) {
            patterns.push(&listener.pattern);
        }
    }
    [
        printable(&plugin.name).into_owned(),
        printable(plugin.version.as_deref().unwrap_or("-")).into_owned(),
        state(plugin.state).to_owned(),
        plugin.counters.delivered.to_string(),
        plugin.counters.failed.to_string(),
        plugin.counters.dropped.to_string(),
        plugin.counters.queued.to_string(),
        printable(&patterns.join(" ")).into_owned(),
    ]
}
