//! Makes dead letters of events that a plugin could not handle.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{ChannelName, DedupeKey};
use tokio::time::sleep;

use super::handle::Consumer;
use super::letter::{self, Dead};
use super::report::Buried;
use super::work::Ticket;
use crate::bus::Publisher;
use crate::channel::{AppendFailure, Channel, ChannelSettings, Channels, SetFailure};
use crate::event::Event;

/// Most letters that are appended together, but for the last of them their bytes.
const MAX_BATCH: usize = 64;
const MAX_BATCH_BYTES: usize = 1 << 20;

/// What is waited after that failed: at first, and at most.
const AFTER_FAILURE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(30)];

/// Why letters are not written.
#[derive(Debug, thiserror::Error)]
enum BuryError {
    #[error("the dead letter cannot be written: {0}")]
    Append(#[from] AppendFailure),
    #[error("the channel of dead letters cannot be made: {0}")]
    Make(#[from] SetFailure),
}

/// An event whose letter is to be written.
struct Grave {
    ticket: Ticket,
    letter: Event,
    key: DedupeKey,
    buried: Buried,
}

/// Makes dead letters. What becomes one is done with only when its letter is durable.
pub(super) async fn keep_burying(
    consumer: &Consumer,
    channels: &Channels,
    publisher: &Arc<Publisher>,
) -> Infallible {
    let mut wait = AFTER_FAILURE[0];
    loop {
        let name = letter::channel_of(consumer.plugin());
        let graves = match &name {
            Ok(name) => dig(consumer, name),
            Err(_) => Vec::new(),
        };
        let (Ok(name), false) = (&name, graves.is_empty()) else {
            consumer.signals.dies.notified().await;
            continue;
        };
        match lay(channels, name, publisher, &graves).await {
            Ok(numbers) => {
                wait = AFTER_FAILURE[0];
                close(consumer, name, graves, &numbers);
            }
            Err(error) => {
                let reason = error.to_string();
                if let Some(attached) = &mut consumer.state().attached {
                    let before = attached.unburied.replace(reason.clone());
                    if before.as_ref() != Some(&reason) {
                        tracing::error!(
                            plugin = consumer.plugin(), channel = %consumer.channel(), %reason,
                            "events that a plugin could not handle wait for their dead letters"
                        );
                    }
                }
                sleep(wait).await;
                wait = (wait * 2).min(AFTER_FAILURE[1]);
            }
        }
    }
}

/// The next letters to be written.
fn dig(consumer: &Consumer, letters: &ChannelName) -> Vec<Grave> {
    let mut state = consumer.state();
    let mut bytes = 0;
    let mut graves = Vec::new();
    let dying: Vec<Ticket> = state.work.dying().take(MAX_BATCH).collect();
    for ticket in dying {
        let Some(entry) = state.work.get_mut(ticket) else {
            continue;
        };
        let dead = Dead {
            event: entry.event.packed(),
            channel: consumer.channel(),
            sequence: entry.event.sequence().unwrap_or(entry.place),
            plugin: consumer.plugin(),
            round: entry.of.1,
            attempts: entry.failed,
            reason: &entry.reason,
        };
        let letter = letter::write(&dead, letters);
        bytes += letter.as_bytes().len();
        // A batch has an end; a letter alone always fits.
        if !graves.is_empty() && bytes > MAX_BATCH_BYTES {
            break;
        }
        let key = *entry.letter.get_or_insert_with(|| {
            let [one, two] = [(); 2].map(|()| consumer.environment.random());
            ((u128::from(one) << 64) | u128::from(two)).to_le_bytes()
        });
        graves.push(Grave {
            ticket,
            key,
            buried: Buried {
                sequence: dead.sequence,
                event: entry.event.id().to_owned(),
                attempts: entry.failed,
                reason: Arc::clone(&entry.reason),
                letter: 0,
            },
            letter,
        });
    }
    if let Some(attached) = &mut state.attached {
        attached.burying = !graves.is_empty();
    }
    graves
}

/// Writes letters; returns their numbers.
async fn lay(
    channels: &Channels,
    name: &ChannelName,
    publisher: &Arc<Publisher>,
    graves: &[Grave],
) -> Result<Vec<u64>, BuryError> {
    let letters = letters(channels, name).await?;
    let events = graves.iter().map(|grave| (grave.letter.clone(), grave.key));
    let laid = letters
        .deposit(Arc::clone(publisher), events.collect())
        .await;
    Ok(laid?)
}

/// The channel of letters, which is made when it is first needed.
async fn letters(channels: &Channels, name: &ChannelName) -> Result<Arc<Channel>, SetFailure> {
    if let Some(letters) = channels.get(name.as_str()) {
        return Ok(letters);
    }
    let made = channels.set(name, ChannelSettings::default(), None, true);
    match made.await {
        Ok((letters, _)) => Ok(letters),
        // Another consumer was quicker.
        Err(error) => channels.get(name.as_str()).ok_or(error),
    }
}

/// Is done with events whose letters have these numbers.
fn close(consumer: &Consumer, name: &ChannelName, graves: Vec<Grave>, numbers: &[u64]) {
    let mut state = consumer.state();
    let mut told = Vec::new();
    for grave in &graves {
        if state.work.get(grave.ticket).is_none() {
            continue;
        }
        told.extend(state.handled(grave.ticket).told);
        if let Some(attached) = &mut state.attached {
            attached.place.dead += 1;
        }
    }
    if let Some(attached) = &mut state.attached {
        (attached.burying, attached.unburied) = (false, None);
    }
    consumer.feed_readers(&mut state);
    let epoch = state.attached.as_ref().map(|attached| attached.place.epoch);
    drop(state);
    consumer.signals.moved.notify_one();
    for (grave, number) in graves.into_iter().zip(numbers) {
        let buried = Buried {
            letter: *number,
            ..grave.buried
        };
        consumer
            .reporter
            .rejected(consumer.plugin(), consumer.channel(), name, buried);
    }
    for told in told {
        consumer.tell(epoch, told);
    }
}
