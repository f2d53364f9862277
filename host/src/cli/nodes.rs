//! `hearken nodes`.

use clap::Args;

use super::client::Client;
use super::error::CliError;
use super::output::Output;
use super::render::{printable, table};
use crate::admin::{LinkStatus, NodeStatus, Trouble};

/// How much of an incarnation a table shows: of its end, which is random, whereas it
/// begins with the time.
const SHOWN_INCARNATION: usize = 8;

/// List the nodes of the cluster and the state of the links to them
#[derive(Args, Debug)]
pub(super) struct Nodes {}

impl Nodes {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        let nodes = client.nodes().await?;
        if output.json() {
            return nodes
                .iter()
                .try_for_each(|node| output.answer(node, String::new));
        }
        let heads = [
            "NAME",
            "ADDRESS",
            "VERSION",
            "STATE",
            "INCARNATION",
            "ROUND TRIP",
            "QUEUED",
            "SENT",
            "RECEIVED",
            "DROPPED",
            "GAPS",
        ];
        let mut rows = vec![heads.map(str::to_owned)];
        rows.extend(nodes.iter().map(row));
        output.line(&table(&rows))?;
        let mut troubles = nodes.iter().flat_map(|node| &node.troubles);
        troubles.try_for_each(|trouble| output.line(&told(trouble)))
    }
}

fn told(trouble: &Trouble) -> String {
    format!(
        "{} has not worked since {}: {}",
        printable(&trouble.part),
        printable(&trouble.since),
        printable(&trouble.reason)
    )
}

fn row(node: &NodeStatus) -> [String; 11] {
    let hidden = node
        .incarnation
        .chars()
        .count()
        .saturating_sub(SHOWN_INCARNATION);
    let incarnation: String = node.incarnation.chars().skip(hidden).collect();
    let link = |figure: fn(&LinkStatus) -> String| {
        let link = node.link.as_ref();
        link.map_or_else(|| "-".to_owned(), figure)
    };
    [
        printable(&node.name).into_owned(),
        printable(&node.address).into_owned(),
        printable(&node.version).into_owned(),
        node.state.as_str().to_owned(),
        printable(&incarnation).into_owned(),
        link(|link| match link.round_trip_ms {
            Some(milliseconds) => format!("{milliseconds:.2}ms"),
            None => "-".to_owned(),
        }),
        link(|link| link.queued.to_string()),
        link(|link| link.sent.to_string()),
        link(|link| link.received.to_string()),
        link(|link| link.dropped.to_string()),
        link(|link| link.gaps.to_string()),
    ]
}
