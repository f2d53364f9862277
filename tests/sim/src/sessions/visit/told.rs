//! What a client is told, and what must hold of it.

use std::time::Duration;

use hearken::session::{ChannelName, Sessions};
use serde_json::Value;
use tokio::task::spawn_local;

use super::{Asked, Visit};
use crate::node::{Context, now};
use crate::sessions::Author;
use crate::sessions::company::Company;
use crate::sessions::histories::{self, Position, Said};

/// A look that takes less was at all nodes: one waits 500 ms for those that have not said who is
/// there.
const WHOLE: Duration = Duration::from_millis(450);

impl Visit {
    pub(super) fn answered(&mut self, asked: Asked, reply: &Value) {
        let error = &reply["error"];
        match asked {
            Asked::Subscribe(name) if !error.is_null() => {
                self.refused(&format!("subscribing to {name}: {error}"));
                self.again.push(name);
            }
            Asked::Publish(name) if !error.is_null() => {
                self.refused(&format!("publishing to {name}: {error}"));
            }
            Asked::Connect if !error.is_null() => self.violate(&format!("connecting: {error}")),
            Asked::Publish(_) => {}
            Asked::Connect => {
                let id = reply["connect"]["client"].as_str().expect("an id");
                self.with(|_, client| client.id = Some(id.to_owned()));
                let mut ledger = self.context.ledger.borrow_mut();
                let life = ledger.life(self.context.life).to_string();
                let note = format_args!("client {} is {id} at {life}", self.client);
                ledger.trace.note(now(), note);
            }
            Asked::Subscribe(name) => self.subscribed(&name, &reply["subscribe"]),
        }
    }

    fn subscribed(&mut self, name: &str, reply: &Value) {
        {
            let mut ledger = self.context.ledger.borrow_mut();
            let note = format_args!("client {} has {name}: {reply}", self.client);
            ledger.trace.note(now(), note);
            let had = &mut ledger.visits.interests.had;
            had.insert((self.context.life, name.to_owned()));
        }
        if name.starts_with("kept:") {
            self.subscribed_to_history(name, reply);
            return;
        }
        let mut ledger = self.context.ledger.borrow_mut();
        let visits = &mut ledger.visits;
        if name.starts_with("here:") {
            let since = now();
            visits.presences.came(since, self.session.client(), name);
            let client = &mut visits.clients[self.client];
            client.is_here = true;
            client.company = Company::new(since);
            let (context, sessions) = (self.context.clone(), self.sessions.clone());
            spawn_local(find_company(context, sessions, self.client, since));
            return;
        }
        visits.clients[self.client].is_live = true;
        let published = visits.live.iter();
        let published = published.filter(|((channel, _), _)| channel == name);
        let published = published.map(|((_, author), number)| (*author, *number));
        self.complete_since = Some((now(), published.collect()));
    }

    fn subscribed_to_history(&mut self, name: &str, reply: &Value) {
        let told = Position {
            epoch: reply["epoch"].as_str().unwrap_or_default().to_owned(),
            offset: reply["offset"].as_u64().unwrap_or_default(),
        };
        let before = self.with(|_, client| {
            client.subscribed.push(name.to_owned());
            let place = client.kept.get_mut(name).expect("one of its channels");
            place.replace(told.clone())
        });
        let was_recovering = reply["was_recovering"] == true;
        let recovered = reply["recovered"] == true;
        if let Some(before) = before {
            if !was_recovering {
                self.violate(&format!("{name}: was at {before:?}: {reply}"));
            } else if recovered {
                self.context.ledger.borrow_mut().coverage.recovered += 1;
                if told != before {
                    self.violate(&format!(
                        "{name}: recovered, and was at {before:?}: {reply}"
                    ));
                }
            } else {
                self.lost(name, &before, &told);
            }
        }
        for publication in reply["publications"].as_array().into_iter().flatten() {
            self.published(name, publication);
        }
    }

    /// It was told that it does not get what it has missed.
    fn lost(&self, name: &str, before: &Position, told: &Position) {
        let mut ledger = self.context.ledger.borrow_mut();
        ledger.coverage.lost += 1;
        let is_kept = told.offset.saturating_sub(before.offset) <= histories::KEPT;
        if told.epoch == before.epoch && is_kept {
            let what = format!("{name}: could have got what it missed: {before:?}, {told:?}");
            self.violate_in(&mut ledger, &what);
        } else if ledger.visits.keeps_all {
            let what = format!("{name}: lost from {before:?} to {told:?}, and no node died");
            self.violate_in(&mut ledger, &what);
        }
    }

    pub(super) fn pushed(&mut self, push: &Value) {
        let name = push["channel"].as_str().unwrap_or_default().to_owned();
        if !push["pub"].is_null() {
            if name.starts_with("kept:") {
                self.published(&name, &push["pub"]);
            } else {
                self.said(&name, &push["pub"]["data"]);
            }
        } else if !push["unsubscribe"].is_null() {
            self.refused(&format!("{name}: {}", push["unsubscribe"]));
            self.with(|_, client| {
                client.subscribed.retain(|other| *other != name);
                client.is_live &= name != client.live;
                client.is_here &= name != client.here;
            });
            self.again.push(name);
        } else if let Some(info) = push.get("join") {
            self.presence_told(&name, &info["info"], true);
        } else if let Some(info) = push.get("leave") {
            self.presence_told(&name, &info["info"], false);
        }
    }

    /// Something of a channel with a history came.
    fn published(&mut self, name: &str, publication: &Value) {
        let offset = publication["offset"].as_u64().unwrap_or_default();
        let said = said_in(&publication["data"]);
        let (is_subscribed, place) = self.with(|_, client| {
            let is_subscribed = client.subscribed.iter().any(|other| other == name);
            let place = client.kept.get_mut(name).expect("one of its channels");
            let before = place.clone();
            if let Some(place) = place {
                place.offset = offset;
            }
            (is_subscribed, before)
        });
        let Some(place) = place.filter(|_| is_subscribed) else {
            self.violate(&format!("{name}: not subscribed, and got {publication}"));
            return;
        };
        if offset != place.offset + 1 {
            self.violate(&format!("{name}: after {place:?} came {publication}"));
        }
        let position = Position { offset, ..place };
        let mut ledger = self.context.ledger.borrow_mut();
        let note = format_args!("client {} < {name} {position:?} {said:?}", self.client);
        ledger.trace.note(now(), note);
        ledger.coverage.session_publications += 1;
        let noted = ledger.visits.histories.note(name, &position, said, false);
        if let Err(what) = noted {
            self.violate_in(&mut ledger, &what);
        }
    }

    /// Something of a channel without history came.
    fn said(&mut self, name: &str, data: &Value) {
        let number = |key: &str| data[key].as_u64().unwrap_or_default();
        let author = Author {
            client: usize::try_from(number("client")).unwrap_or(usize::MAX),
            visit: number("visit"),
        };
        let number = number("number");
        let mut ledger = self.context.ledger.borrow_mut();
        let note = format_args!("client {} < {name} {author:?} {number}", self.client);
        ledger.trace.note(now(), note);
        ledger.coverage.session_publications += 1;
        let calm_since = ledger.visits.calm_since;
        let last = ledger.visits.clients[self.client]
            .heard
            .insert(author, number);
        if last.is_some_and(|last| last >= number) {
            self.violate_in(
                &mut ledger,
                &format!("{name}: {author:?} {number} after {last:?}"),
            );
        }
        let Some((since, published)) = &self.complete_since else {
            self.violate_in(
                &mut ledger,
                &format!("{name}: not subscribed, and got {data}"),
            );
            return;
        };
        let is_calm = calm_since.is_some_and(|calm| calm + Duration::from_secs(1) < *since);
        let before = last.or_else(|| published.get(&author).copied());
        if is_calm && number > before.unwrap_or(0) + 1 {
            let what = format!("{name}: {author:?} {number} after {before:?}, since {since:?}");
            self.violate_in(&mut ledger, &what);
        }
    }

    fn presence_told(&mut self, name: &str, info: &Value, is_there: bool) {
        let client = info["client"].as_str().unwrap_or_default();
        self.context.ledger.borrow_mut().coverage.presence_pushes += 1;
        let is_again = self.with(|_, this| this.company.tell(client, is_there));
        if is_again {
            let what = if is_there { "joins" } else { "leaves" };
            self.violate(&format!("{name}: {client} {what} again"));
        }
    }
}

/// Looks who is in the channel with presence of a client, whose subscription to it began at that
/// time. Beside what it does otherwise, so that it waits for nothing.
async fn find_company(context: Context, sessions: Sessions, client: usize, since: Duration) {
    let here = context.ledger.borrow().visits.clients[client].here.clone();
    let name = ChannelName::new(&here).expect("a valid name");
    let from = now();
    let Ok(present) = sessions.presence(&name).await else {
        return;
    };
    if now() < from + WHOLE {
        let mut ledger = context.ledger.borrow_mut();
        let clients = present.iter().map(|info| info.client.clone());
        let company = &mut ledger.visits.clients[client].company;
        company.find(since, clients);
    }
}

fn said_in(data: &Value) -> Said {
    let number = |key: &str| data[key].as_u64().unwrap_or(u64::MAX);
    Said {
        client: usize::try_from(number("client")).unwrap_or(usize::MAX),
        number: number("number"),
    }
}
