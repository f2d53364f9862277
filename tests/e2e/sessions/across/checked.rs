//! What must hold of all that sessions got, wherever they were.

use super::*;

/// What became of a channel.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The epochs in which something was acknowledged.
    pub(super) epochs: BTreeSet<String>,
    /// By session: how often it was told that something is lost.
    pub(super) lost: Vec<usize>,
    /// How many were told that they have all.
    pub(super) recovered: usize,
}

/// Waits until all have got what there is to get, and checks what always holds: one order in
/// each epoch, nothing twice in it, nothing of it missing for whoever was not told so.
pub(super) async fn check(visitors: &[Roamer], all: &[Acknowledged]) -> BTreeMap<String, Told> {
    let mut ends: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    let mut logs: BTreeMap<(&str, &str), BTreeMap<u64, Value>> = BTreeMap::new();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for one in all {
        let (channel, epoch) = (one.channel.as_str(), one.epoch.as_str());
        told.entry(one.channel.clone())
            .or_default()
            .epochs
            .insert(one.epoch.clone());
        // Each channel has one publisher but the log, which has one epoch.
        let end = ends.entry(channel).or_insert((epoch, 0));
        *end = match end.0 == epoch {
            true => (epoch, end.1.max(one.offset)),
            false => (epoch, one.offset),
        };
        let before = logs
            .entry((channel, epoch))
            .or_default()
            .insert(one.offset, one.data.clone());
        assert!(before.is_none_or(|it| it == one.data), "twice: {one:?}");
    }
    let mut notes = Vec::new();
    for visitor in visitors {
        let is_there = |noted: &Noted| {
            noted.channels.iter().all(|(name, channel)| {
                ends.get(name.as_str()).is_none_or(|(epoch, offset)| {
                    let position = channel.position.as_ref();
                    position.is_some_and(|at| at.0 == *epoch && at.1 >= *offset)
                })
            })
        };
        notes.push(
            visitor
                .until(&format!("having all of {ends:?}"), is_there)
                .await,
        );
    }
    for (number, noted) in notes.iter().enumerate() {
        assert_eq!(noted.wrong, [""; 0], "session {number}");
        assert_eq!(noted.refused, [""; 0], "session {number}");
        for (name, channel) in &noted.channels {
            for Publication {
                epoch,
                offset,
                data,
                ..
            } in &channel.publications
            {
                if *offset == 0 {
                    continue;
                }
                // What was not acknowledged may be there all the same.
                let log = logs.entry((name, epoch)).or_default();
                let known = log.entry(*offset).or_insert_with(|| data.clone());
                assert_eq!(
                    known, data,
                    "{offset} of {epoch} in {name}, session {number}"
                );
            }
            let told = told.entry(name.clone()).or_default();
            told.lost.push(channel.lost);
            told.recovered += channel.recovered;
        }
    }
    for ((channel, epoch), log) in &logs {
        let distinct: BTreeSet<String> = log.values().map(Value::to_string).collect();
        assert_eq!(
            distinct.len(),
            log.len(),
            "something is twice in {epoch} of {channel}"
        );
    }
    // Whoever was told of no loss has all of it from the first on.
    for (number, noted) in notes.iter().enumerate() {
        for (name, channel) in &noted.channels {
            let Some((epoch, end)) = ends.get(name.as_str()) else {
                continue;
            };
            if channel.lost == 0 {
                let offsets = channel.publications.iter().map(|it| it.offset);
                let offsets: Vec<u64> = offsets.take_while(|offset| offset <= end).collect();
                let wanted: Vec<u64> = (1..=*end).collect();
                assert_eq!(offsets, wanted, "{epoch} of {name}, session {number}");
            }
        }
    }
    told
}
