//! `hearken send`.

use clap::Args;

use super::client::{Client, NewEvent};
use super::data;
use super::error::CliError;
use super::output::Output;

/// Publish an event and print its id
#[derive(Args, Debug)]
pub(super) struct Send {
    /// Type of the event; it arrives under `custom.`: `foo` as `custom.foo`
    #[arg(value_name = "TYPE")]
    event_type: String,

    /// Payload: JSON, @FILE for a file of JSON, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", allow_negative_numbers = true)]
    data: Option<String>,

    /// The thing that the event is about
    #[arg(long)]
    subject: Option<String>,

    /// Send it to every node of the cluster
    #[arg(long)]
    distributed: bool,

    /// Channel to publish it on
    #[arg(long)]
    channel: Option<String>,
}

impl Send {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        let data = self.data.as_deref().map(data::read).transpose()?;
        let published = client
            .publish(&NewEvent {
                event_type: &self.event_type,
                subject: self.subject.as_deref(),
                data: data.as_deref(),
                distributed: self.distributed,
                channel: self.channel.as_deref(),
            })
            .await?;
        output.answer(&published, || published.id.clone())
    }
}
