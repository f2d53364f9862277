//! `hearken wait`.

use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::error::CliError;
use super::output::Output;
use super::render;

/// Wait for the next event of a type and print it; exits 3 if none comes in time
#[derive(Args, Debug)]
pub(super) struct Wait {
    /// Type of the event, as it is delivered (with `custom.`), or a pattern
    #[arg(value_name = "TYPE")]
    event_type: String,

    /// Only an event with exactly this subject
    #[arg(long)]
    subject: Option<String>,

    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = timeout)]
    timeout: Duration,
}

impl Wait {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        let event = client
            .wait(&self.event_type, self.subject.as_deref(), self.timeout)
            .await?;
        match event {
            Some(event) if output.json() => output.line(&event),
            Some(event) => output.line(&render::event_line(&event)),
            None => Err(CliError::TimedOut {
                event_type: self.event_type,
                timeout: self.timeout,
            }),
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration >= Duration::from_millis(1) => Ok(duration),
        Ok(_) => Err("it is less than 1ms; expected a duration, e.g. 10s".to_owned()),
        Err(error) => Err(format!("{error}; expected a duration, e.g. 10s")),
    }
}
