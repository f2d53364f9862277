//! `hearken plugin try`: one event, without a node.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::author::policy;
use super::data::Data;
use super::project::Given;
use super::workers::compile_workers;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::{LARGEST_EVENT, LogConfig, LogFormat};
use crate::event::cloudevent::{self, CloudEvent};
use crate::event::{CUSTOM_PREFIX, Draft, Event, EventType};
use crate::logging;
use crate::plugin::attempt;

/// Hand a plugin one event, without a node, and print what it sends
#[derive(Args, Debug)]
pub(in crate::cli) struct Try {
    /// The plugin: a .js, .ts, .py or .wasm file, or the folder of one
    file: PathBuf,

    /// The event: JSON, a file of it, or `-` for standard input, with `type`, and perhaps
    /// `subject` and `data`, or a CloudEvent
    #[arg(long, value_name = "JSON|FILE|-")]
    event: PathBuf,

    /// Configuration of the node whose `[policy]` says what plugins may do at most
    #[arg(long)]
    config: Option<PathBuf>,

    #[command(flatten)]
    data: Data,
}

/// An event in short.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    #[serde(rename = "type")]
    event_type: String,
    subject: Option<String>,
    data: Option<Box<RawValue>>,
}

impl Try {
    pub(super) async fn run(self, mut output: Output) -> Result<(), CliError> {
        let policy = policy(self.config.clone())?;
        let draft = self.draft()?;
        let given = Given::find_built(&self.file).await?;
        // What the plugin logs, as it does under `hearken dev`.
        let log = logging::init(&LogConfig {
            format: LogFormat::Text,
            ..LogConfig::default()
        })?;
        let made = attempt(
            &given.file,
            &draft,
            compile_workers(),
            policy,
            self.data.folders(),
        )
        .await;
        log.finish();
        let made = made.map_err(CliError::Attempt)?;
        for event in &made.sent {
            let json = CloudEvent::new(event, true).to_json();
            let value = serde_json::from_str::<Value>(&json);
            let value = value.map_err(|error| CliError::Attempt(error.to_string()))?;
            output.answer(&value, || line(event))?;
        }
        match made.failure {
            Some(failure) => Err(CliError::Attempt(format!("it failed: {failure}"))),
            None => Ok(()),
        }
    }

    /// The event that was given.
    fn draft(&self) -> Result<Draft<'static>, CliError> {
        let (file, read) = match self.event.to_str() {
            Some("-") => (Path::new("standard input"), bounded(io::stdin().lock())),
            Some(json) if json.trim_start().starts_with('{') => {
                (Path::new("--event"), bounded(json.as_bytes()))
            }
            _ => (&*self.event, File::open(&self.event).and_then(bounded)),
        };
        let file = file.to_owned();
        let json = read.map_err(|source| CliError::Read {
            file: file.clone(),
            source,
        })?;
        let read = match json.len() > LARGEST_EVENT {
            true => Err(format!(
                "it has more than {LARGEST_EVENT} bytes, and no node takes that much"
            )),
            false => draft(&json),
        };
        read.map_err(|reason| CliError::NoEvent { file, reason })
    }
}

/// What is there, as far as it shows whether it is too much.
fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(LARGEST_EVENT as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The event in a file: a CloudEvent, or a few of its attributes.
fn draft(json: &[u8]) -> Result<Draft<'static>, String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if !value.is_object() {
        return Err("an event is an object with a `type`".to_owned());
    }
    if value.get("specversion").is_some() {
        return cloudevent::from_json(json).map_err(|error| error.to_string());
    }
    let short: Short = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let event_type = event_type(&short.event_type)?;
    Ok(Draft {
        subject: short.subject.map(Into::into),
        data: short.data.map(|data| data.get().as_bytes().to_vec().into()),
        ..Draft::new(event_type)
    })
}

/// A type as clients give it: it is delivered under `custom.`, unless it is a host's event,
/// which is only wanted here to see what comes of it.
fn event_type(text: &str) -> Result<EventType<'static>, String> {
    let is_host_s = !text.starts_with(CUSTOM_PREFIX)
        && crate::event::host_event::HostEventType::ALL
            .iter()
            .any(|host| host.as_str() == text);
    let found = match is_host_s {
        true => EventType::host(text),
        false => EventType::custom(text),
    };
    found
        .map(EventType::into_owned)
        .map_err(|error| error.to_string())
}

/// An event for a person.
fn line(event: &Event) -> String {
    let mut line = format!("sent {}", event.event_type());
    if let Some(subject) = event.subject() {
        line.push_str(&format!(" subject={subject}"));
    }
    if let Some(data) = event.data() {
        line.push_str(&format!(" {}", String::from_utf8_lossy(data)));
    }
    crate::cli::render::printable(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_in_short_and_a_cloudevent_are_both_read() {
        let short = draft(br#"{"type":"cart.added","subject":"a","data":{"n":1}}"#).unwrap();
        assert_eq!(short.event_type.as_str(), "custom.cart.added");
        assert_eq!(short.data.as_deref(), Some(&br#"{"n":1}"#[..]));
        let host = draft(br#"{"type":"plugin.failed"}"#).unwrap();
        assert_eq!(host.event_type.as_str(), "plugin.failed");
        let whole = br#"{"specversion":"1.0","id":"1","source":"/a","type":"custom.b"}"#;
        assert_eq!(draft(whole).unwrap().event_type.as_str(), "custom.b");
        for wrong in ["", "[]", "{}", r#"{"type":""}"#, r#"{"type":"a","dta":1}"#] {
            assert!(draft(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
