//! What a client notes of all that it is told.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a client has noted.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Its id, while it is connected.
    pub id: Option<String>,
    /// The times that it was connected.
    pub visits: usize,
    /// The codes with which it was closed.
    pub closed: Vec<u16>,
    /// What it was refused for good.
    pub refused: Vec<String>,
    /// What no client may be told.
    pub wrong: Vec<String>,
    /// The channels that it is to be subscribed to.
    pub channels: BTreeMap<String, Channel>,
}

/// What a client has noted of a channel.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    pub is_subscribed: bool,
    /// Where it is: epoch and offset. Of channels without history that says nothing.
    pub position: Option<(String, u64)>,
    /// The times that it came back and was told that it gets all that it has missed.
    pub recovered: usize,
    /// The times that it was told that it does not.
    pub lost: usize,
    /// What it got, in the order in which that came.
    pub publications: Vec<Publication>,
}

/// What came in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// On which visit it came.
    pub visit: usize,
    /// Of the channel's history; empty where there is none.
    pub epoch: String,
    /// In the channel's history; 0 where there is none.
    pub offset: u64,
    pub data: Value,
}

impl Noted {
    /// Whether it is connected and subscribed to all its channels.
    pub fn is_settled(&self) -> bool {
        self.id.is_some() && self.channels.values().all(|channel| channel.is_subscribed)
    }

    /// All but the publications.
    pub fn shortly(&self) -> String {
        let mut short = self.clone();
        for channel in short.channels.values_mut() {
            let kept = channel.publications.len().saturating_sub(3);
            channel.publications.drain(..kept);
        }
        format!("{short:#?}")
    }

    pub(super) fn gone(&mut self) {
        self.id = None;
        for channel in self.channels.values_mut() {
            channel.is_subscribed = false;
        }
    }
}

impl Channel {
    /// It is subscribed; what is wrong with that.
    pub(super) fn subscribed(&mut self, visit: usize, reply: &Value) -> Option<String> {
        self.is_subscribed = true;
        let epoch = reply["epoch"].as_str().unwrap_or_default().to_owned();
        let offset = reply["offset"].as_u64().unwrap_or_default();
        let now = (epoch, offset);
        let mut wrong = None;
        match (reply["was_recovering"] == true, reply["recovered"] == true) {
            (true, true) => {
                self.recovered += 1;
                if self.position.as_ref() != Some(&now) {
                    wrong = Some(format!("was at {:?}: {reply}", self.position));
                }
            }
            (true, false) => self.lost += 1,
            (false, _) => {}
        }
        self.position = Some(now);
        for publication in reply["publications"].as_array().into_iter().flatten() {
            wrong = wrong.or(self.published(visit, publication));
        }
        wrong
    }

    /// Something came; what is wrong with that.
    pub(super) fn published(&mut self, visit: usize, publication: &Value) -> Option<String> {
        if !self.is_subscribed {
            return Some(format!("before it is subscribed: {publication}"));
        }
        let offset = publication["offset"].as_u64().unwrap_or_default();
        let (epoch, last) = self.position.get_or_insert_default();
        let wrong = (offset > 0 && offset != *last + 1)
            .then(|| format!("after {last} of {epoch}: {publication}"));
        if offset > 0 {
            *last = offset;
        }
        self.publications.push(Publication {
            visit,
            epoch: epoch.clone(),
            offset,
            data: publication["data"].clone(),
        });
        wrong
    }
}
