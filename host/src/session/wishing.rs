//! Having other nodes send what a channel here shows, and no more.

use tokio::time::{Instant, timeout_at};

use super::across::{KNOWN_WITHIN, Wish};
use super::homed::Word;
use super::hubs::LetGo;
use super::name::ChannelName;
use super::place::Place;
use super::shared::Shared;
use super::source::Source;
use crate::bus::Wanted;

/// Other nodes know that somebody is about to subscribe, as long as this lives.
pub(super) struct Foretold<'s> {
    _wish: Option<Wish>,
    _wanted: Option<Wanted<'s>>,
}

impl Shared {
    /// Other nodes need say nothing any more of a channel that gave way.
    pub(super) fn let_go(&self, gone: &LetGo) {
        let LetGo {
            name,
            is_looked_at,
            followed,
        } = gone;
        if *is_looked_at {
            self.unwant_presence(name);
        }
        if let Some(home) = followed {
            let to = std::slice::from_ref(home);
            let unfollow = || self.say_of_log(name, to, Word::Unfollow);
            self.hubs.say_unless_there(name, unfollow);
        }
    }

    /// Has other nodes send this one what they publish to a channel, as long as what is given
    /// back lives.
    pub(super) fn wish(&self, name: &ChannelName, source: &Source) -> Option<Wish> {
        match source {
            // What is shown there comes over the bus, by the filter of who watches.
            Source::Bus(_) => None,
            Source::Publishers | Source::Log(_) => Some(self.across.interest.want(name)),
        }
    }

    /// The same for one who is about to subscribe, once they know of it where they have to:
    /// what is kept in a history can be had of that. Who does not know of it at `until` learns of
    /// it soon.
    pub(super) async fn foretell(
        &self,
        name: &ChannelName,
        place: &Place,
        until: Instant,
    ) -> Foretold<'_> {
        let wish = self.wish(name, &place.source);
        let wanted = match &place.source {
            Source::Bus(filter) => Some(self.bus.interest().want((**filter).clone())),
            Source::Publishers | Source::Log(_) => None,
        };
        if let Some(wish) = &wish
            && place.is_live()
        {
            let _ = timeout_at(until, wish.is_known()).await;
        }
        if wanted.is_some() {
            let soon = until.min(Instant::now() + KNOWN_WITHIN);
            let _ = timeout_at(soon, self.bus.interest().known()).await;
        }
        Foretold {
            _wish: wish,
            _wanted: wanted,
        }
    }
}
