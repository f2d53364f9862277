//! `hearken send`.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::client::{Client, ClientError, NewEvent, Published};
use super::data;
use super::error::CliError;
use super::output::{Output, note};

/// How long an event is sent again that may not be stored; once more at least.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause before the first repetition; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Publish an event and print its id, and its number if it goes to a channel
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

    /// Its own id; a channel stores what is sent again with the same id once
    #[arg(long)]
    id: Option<String>,

    /// Send it to every node of the cluster
    #[arg(long)]
    distributed: bool,

    /// Channel to append it to; it is sent again while it is not known whether it is stored
    #[arg(long)]
    channel: Option<String>,

    /// Append it only if the channel's last event has this number; exits 4 otherwise
    #[arg(long, value_name = "N", requires = "channel")]
    expect_last: Option<u64>,
}

impl Send {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        let data = self.data.as_deref().map(data::read).transpose()?;
        // By which the channel knows it again.
        let made = || Uuid::now_v7().to_string();
        let id = self.id.or_else(|| self.channel.is_some().then(made));
        let event = NewEvent {
            event_type: &self.event_type,
            id: id.as_deref(),
            subject: self.subject.as_deref(),
            data: data.as_deref(),
            distributed: self.distributed,
            channel: self.channel.as_deref(),
        };
        let published = match &self.channel {
            None => client.publish(&event, None).await?,
            Some(_) => append(&client, &event, self.expect_last).await?,
        };
        output.answer(&published, || match published.sequence {
            None => published.id.clone(),
            Some(number) => format!("{} {number}", published.id),
        })
    }
}

/// Appends an event, and again for as long as that may help.
async fn append(
    client: &Client,
    event: &NewEvent<'_>,
    expected: Option<u64>,
) -> Result<Published, ClientError> {
    let until = Instant::now() + RETRY_TIMEOUT;
    let mut pause = FIRST_PAUSE;
    loop {
        let is_first = pause == FIRST_PAUSE;
        let answered = client.publish(event, expected).await;
        let in_time = is_first || Instant::now() + pause < until;
        match answered {
            Err(error) if error.may_be_repeated() && in_time => {
                note(&format!("hearken: {error}; trying again"));
                sleep(pause).await;
                pause *= 2;
            }
            answered => return answered,
        }
    }
}
