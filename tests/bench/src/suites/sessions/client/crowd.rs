//! Many sessions, which one thread looks after, so that it takes little of the machine from the
//! server that it shares that with.

use std::path::Path;
use std::time::Duration;

use hearken::access::{Granted, NewToken, TokenIssuer, TokenSource};
use hearken::clock::{Clock, SystemClock};
use hearken_bench_stopwatch::{Error, clock};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use super::connection::Connection;
use super::deliveries::{Deliveries, seconds};
use super::dialect::Who;
use super::task::{Done, Pace, Publish, Server};
use super::ticks::Ticks;
use crate::suites::sessions::PAYLOAD;

/// Connections that are under way at once: fewer than servers let wait to be accepted.
pub(super) const AT_ONCE: usize = 256;

/// Longest wait for something that is bound to happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Longest that a task may take in all.
pub(super) const LONGEST: Duration = Duration::from_secs(120);

/// Messages that show whether all sessions get what is published, where servers do not say from
/// when on they do; and how long each is waited for.
const PROBES: usize = 10;
const PROBE_TIME: Duration = Duration::from_secs(2);

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// Events of connections that are looked at in one go.
const EVENTS: usize = 1024;

const PUBLISHER: Token = Token(usize::MAX - 1);
const TICKS: Token = Token(usize::MAX - 2);

/// The sessions of a server, and one more that publishes.
pub(super) struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    pub(super) server: Server,
    pub(super) all: Vec<Connection>,
    /// How many of these are sessions.
    pub(super) ready: usize,
    publisher: Option<Connection>,
    /// Whether that is a session.
    publishes: bool,
    pub(super) ticks: Option<Ticks>,
    pub(super) deliveries: Deliveries,
}

impl Crowd {
    pub(super) fn of(server: Server) -> Result<Self, Error> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            server,
            all: Vec::new(),
            ready: 0,
            publisher: None,
            publishes: false,
            ticks: None,
            deliveries: Deliveries::default(),
        })
    }

    /// Connects until there are so many sessions.
    pub(super) fn connect(&mut self, sessions: usize) -> Result<Done, Error> {
        let first = self.all.len();
        // Somebody else makes tokens, and takes no part in this.
        let tokens = self.tokens(first..sessions)?;
        let mut tokens = tokens.into_iter();
        let began = clock::now();
        while self.ready < sessions {
            while self.all.len() - self.ready < AT_ONCE
                && let Some(token) = tokens.next()
            {
                let who = Who {
                    number: self.all.len(),
                    token,
                    ..Who::default()
                };
                let connection = Connection::begin(&self.server, who)?;
                self.add(connection)?;
            }
            self.turn(DEADLINE)?;
        }
        let taken = clock::now().saturating_sub(began);
        self.meet()?;
        Ok(Done {
            seconds: seconds(taken),
            ..Done::default()
        })
    }

    /// Publishes, and waits until all have everything.
    pub(super) fn publish(&mut self, task: Publish) -> Result<Done, Error> {
        self.begin_anew(matches!(task.pace, Pace::Every(_)));
        if let Pace::Every(time) = task.pace {
            self.tick(time)?;
        }
        let began = clock::now();
        while self.deliveries.complete() < task.messages {
            let may = match (task.pace, &self.ticks) {
                (Pace::Every(_), Some(ticks)) => ticks.passed,
                (Pace::Window(window), _) => self.deliveries.complete() + window,
                (Pace::Every(_), None) => 0,
            };
            while self.deliveries.sent() < may.min(task.messages) {
                self.publish_one(task.frame)?;
            }
            self.turn(DEADLINE)?;
            check_time(began)?;
        }
        let taken = clock::now().saturating_sub(began);
        self.ticks = None;
        Ok(std::mem::take(&mut self.deliveries).done(taken))
    }

    /// Publishes the next message.
    pub(super) fn publish_one(&mut self, frame: usize) -> Result<(), Error> {
        let number = self.deliveries.sent() as u64 + 1;
        let said = self.server.dialect.publish(number, frame);
        self.deliveries.send();
        let publisher = self.publisher.as_mut().ok_or("nobody publishes")?;
        publisher.say(&said)
    }

    /// From now on ticks pass.
    pub(super) fn tick(&mut self, every: Duration) -> Result<(), Error> {
        self.ticks = Some(Ticks::every(every, self.poll.registry(), TICKS)?);
        Ok(())
    }

    /// Nothing has been sent or received.
    pub(super) fn begin_anew(&mut self, is_timed: bool) {
        for connection in &mut self.all {
            connection.received = 0;
        }
        self.deliveries = Deliveries::to(self.all.len(), is_timed);
    }

    /// Has somebody who publishes, and waits until all get what is published.
    fn meet(&mut self) -> Result<(), Error> {
        if self.publisher.is_none() {
            let mut tokens = self.tokens(usize::MAX - 1..usize::MAX)?;
            let who = Who {
                number: 0,
                publishes: true,
                token: tokens.pop().unwrap_or_default(),
                position: None,
            };
            let mut publisher = Connection::begin(&self.server, who)?;
            self.register(&mut publisher, PUBLISHER)?;
            self.publisher = Some(publisher);
            while !self.publishes {
                self.turn(DEADLINE)?;
            }
        }
        if self.server.dialect.is_ready_at_once() {
            return Ok(());
        }
        for _ in 0..PROBES {
            self.begin_anew(false);
            self.publish_one(2 * PAYLOAD)?;
            let until = clock::now() + PROBE_TIME.as_nanos() as u64;
            while self.deliveries.complete() == 0 && clock::now() < until {
                // That nothing comes is found out by the time.
                self.turn_within(PROBE_TIME)?;
            }
            if self.deliveries.complete() == 1 {
                return Ok(());
            }
        }
        Err("not all sessions get what is published".into())
    }

    /// Adds a connection to those that are to become sessions.
    pub(super) fn add(&mut self, mut connection: Connection) -> Result<(), Error> {
        self.register(&mut connection, Token(self.all.len()))?;
        self.all.push(connection);
        Ok(())
    }

    /// Has a connection looked after.
    fn register(&self, connection: &mut Connection, token: Token) -> Result<(), Error> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        Ok(registry.register(&mut connection.stream, token, both)?)
    }

    /// Waits until something happens, and does what there is to do then.
    ///
    /// # Errors
    /// When nothing happens in time, or a session has come to its end.
    pub(super) fn turn(&mut self, deadline: Duration) -> Result<(), Error> {
        if self.turn_within(deadline)? {
            return Ok(());
        }
        let (ready, all) = (self.ready, self.all.len());
        let (complete, sent) = (self.deliveries.complete(), self.deliveries.sent());
        let problem = format!(
            "nothing happens any more: {ready} of {all} are sessions, and all have {complete} of \
             {sent} messages"
        );
        Err(problem.into())
    }

    /// The same; whether anything happened in time.
    fn turn_within(&mut self, time: Duration) -> Result<bool, Error> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(time));
        let mut outcome = match polled {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            polled => polled.map_err(Error::from),
        };
        for event in &events {
            outcome = outcome.and_then(|()| self.happened(event));
        }
        let is_anything = !events.is_empty();
        self.events = events;
        outcome.map(|()| is_anything)
    }

    fn happened(&mut self, event: &Event) -> Result<(), Error> {
        let token = event.token();
        if token == TICKS {
            if let Some(ticks) = &mut self.ticks {
                ticks.look();
            }
            return Ok(());
        }
        let connection = match token {
            PUBLISHER => self.publisher.as_mut(),
            Token(index) => self.all.get_mut(index),
        };
        let Some(connection) = connection else {
            return Ok(());
        };
        if event.is_writable() {
            connection.writable(&self.server)?;
        }
        if !event.is_readable() && !event.is_read_closed() && !event.is_error() {
            return Ok(());
        }
        let happened = connection.readable(&self.server, &mut self.buffer)?;
        if happened.is_ready {
            match token {
                PUBLISHER => self.publishes = true,
                _ => self.ready += 1,
            }
        }
        if happened.messages > 0 {
            self.deliveries
                .take(connection.received, happened.messages, happened.bytes);
        }
        Ok(())
    }

    /// Tokens of users of these numbers; empty ones where sessions have none.
    fn tokens(&self, users: std::ops::Range<usize>) -> Result<Vec<String>, Error> {
        let Some(secret) = &self.server.secret else {
            return Ok(users.map(|_| String::new()).collect());
        };
        let issuer = issuer(secret);
        let token = |user: usize| token(&issuer, &format!("user-{user}"), &[]);
        users.map(token).collect()
    }
}

/// A token of somebody who may see everything, signed with the secret in a file.
///
/// # Errors
/// When it cannot be signed.
pub(in crate::suites::sessions) fn admin_token(secret: &Path) -> Result<String, String> {
    let token = token(&issuer(secret), "bench", &["admin".to_owned()]);
    token.map_err(|error| error.to_string())
}

fn token(issuer: &TokenIssuer, subject: &str, roles: &[String]) -> Result<String, Error> {
    let now = SystemClock.now_millis() / 1000;
    let token = NewToken {
        subject,
        roles,
        issued: now,
        expires: now + 24 * 60 * 60,
        channel: None,
    };
    token.sign("bench", issuer).map_err(Error::from)
}

/// Checks that a task that began then has not taken too long.
pub(super) fn check_time(began: u64) -> Result<(), Error> {
    match u128::from(clock::now().saturating_sub(began)) > LONGEST.as_nanos() {
        true => Err("it takes too long".into()),
        false => Ok(()),
    }
}

/// Who signs with the secret in a file.
fn issuer(secret: &Path) -> TokenIssuer {
    let place = "the benchmark".to_owned();
    TokenIssuer {
        place: place.clone(),
        source: Granted {
            value: TokenSource::HmacSecretFile(secret.to_owned()),
            place,
        },
        issuer: None,
        audience: None,
        roles_claim: "roles".to_owned(),
    }
}
