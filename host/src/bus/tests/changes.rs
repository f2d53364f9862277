//! Publishing while filters change, with a ledger of what each receiver must have got.

use std::sync::atomic::AtomicBool;

use super::*;

const PUBLISHERS: usize = 3;

/// What all publishers are doing.
#[derive(Default)]
struct Ledger {
    /// Number of the event whose publishing began last, by publisher.
    begun: [AtomicU64; PUBLISHERS],
    /// Number of the event that was published last.
    done: [AtomicU64; PUBLISHERS],
    /// Publishers stop at this number, until somebody wants more.
    goal: AtomicU64,
    over: AtomicBool,
}

type Numbers = [u64; PUBLISHERS];

impl Ledger {
    fn read(numbers: &[AtomicU64; PUBLISHERS]) -> Numbers {
        numbers
            .each_ref()
            .map(|number| number.load(Ordering::SeqCst))
    }

    /// Waits until every publisher has published so many more.
    fn go_on(&self, events: u64) {
        /// Beyond what is waited for, so that publishers are busy when filters change.
        const AHEAD: u64 = 1_000;
        let from = Self::read(&self.done);
        let most = from.into_iter().max().unwrap_or_default();
        self.goal.fetch_max(most + events + AHEAD, Ordering::SeqCst);
        let behind = |now: Numbers| now.iter().zip(from).any(|(now, from)| *now < from + events);
        while behind(Self::read(&self.done)) {
            thread::yield_now();
        }
    }

    fn publish(&self, bus: &Bus, of: usize) {
        let publisher = bus.publisher(format!("/p{of}"), "p");
        for number in 1.. {
            while number > self.goal.load(Ordering::Relaxed) {
                if self.over.load(Ordering::Relaxed) {
                    return;
                }
                thread::yield_now();
            }
            let (event_type, subject) = named(number);
            let draft = Draft {
                subject: subject.map(Into::into),
                data: Some(number.to_be_bytes().to_vec().into()),
                ..draft(&event_type)
            };
            self.begun[of].store(number, Ordering::SeqCst);
            if number.is_multiple_of(97) {
                publisher.publish_all(&[draft]).unwrap();
            } else {
                publisher.publish(&draft).unwrap();
            }
            self.done[of].store(number, Ordering::SeqCst);
        }
    }
}

/// Type and subject of an event; some in a row have the same.
fn named(number: u64) -> (String, Option<String>) {
    let kind = number / 8;
    let subject = (!kind.is_multiple_of(3)).then(|| format!("s{}", kind % 3));
    (format!("t.{}", kind % 5), subject)
}

/// A filter of many that overlap.
fn filter(at: usize) -> Filter {
    let pattern = [
        "custom.t.1",
        "custom.*",
        "*.{1,2}",
        "custom.t.{0,1,4}",
        "*t*3*",
    ][at % 5];
    Filter {
        subject: [None, Some("s1".into()), None][at % 3].clone(),
        local_only: at.is_multiple_of(4),
        ..Filter::new(Pattern::new(pattern).unwrap())
    }
}

fn wants(filters: &[Filter], number: u64) -> bool {
    let (event_type, subject) = named(number);
    let event_type = format!("custom.{event_type}");
    filters.iter().any(|filter| {
        let subjects = filter.subject.as_deref();
        filter.pattern.matches(&event_type)
            && subjects.is_none_or(|wanted| subject.as_deref() == Some(wanted))
    })
}

/// Registers, listens, changes its filters, listens and goes; checks what it got.
fn come_and_go(bus: &Bus, ledger: &Ledger, round: usize) {
    let filters = |from: usize| -> Vec<Filter> { (from..=from + round % 3).map(filter).collect() };
    let (first, second) = (filters(round), filters(round + 7));
    let before = Ledger::read(&ledger.done);
    let receiver = bus.subscribe(Subscription {
        kind: ReceiverKind::ALL[round % 4],
        filters: first.clone(),
        // More than is published in all, however long this thread has to wait for its turn.
        limits: MailboxLimits {
            events: 10_000_000,
            bytes: usize::MAX,
        },
        ..subscription(&[])
    });
    let listening = Ledger::read(&ledger.begun);
    ledger.go_on(20);
    let until = Ledger::read(&ledger.done);
    receiver.route(second.clone());
    let changed = Ledger::read(&ledger.begun);
    ledger.go_on(20);
    let end = Ledger::read(&ledger.done);
    let events = drain(&receiver);
    drop(receiver);

    for (of, before) in before.into_iter().enumerate() {
        let source = format!("/p{of}");
        let own = events.iter().filter(|event| event.source() == source);
        let got: Vec<u64> = own
            .map(|event| u64::from_be_bytes(event.data().unwrap().try_into().unwrap()))
            .collect();
        assert!(
            got.is_sorted_by(|one, next| one < next),
            "in order, none twice: {got:?}"
        );
        for number in &got {
            assert!(*number > before, "{number} was published before");
            let (by_first, by_second) = (wants(&first, *number), wants(&second, *number));
            match number {
                number if *number <= until[of] => assert!(by_first, "{number} is unwanted"),
                number if *number > changed[of] => assert!(by_second, "{number} is unwanted"),
                number => assert!(by_first || by_second, "{number} is unwanted"),
            }
        }
        let must = (listening[of] + 1..=until[of]).filter(|number| wants(&first, *number));
        let must = must.chain((changed[of] + 1..=end[of]).filter(|number| wants(&second, *number)));
        for number in must {
            assert!(
                got.binary_search(&number).is_ok(),
                "{number} is missing in round {round}"
            );
        }
    }
}

#[test]
fn what_begins_after_a_change_follows_it_and_nothing_is_lost_or_doubled() {
    const ROUNDS: usize = 60;
    let bus = bus();
    let ledger = Ledger::default();
    thread::scope(|scope| {
        for of in 0..PUBLISHERS {
            let (bus, ledger) = (&bus, &ledger);
            scope.spawn(move || ledger.publish(bus, of));
        }
        let changing: Vec<_> = (0..3)
            .map(|of| {
                let (bus, ledger) = (&bus, &ledger);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        come_and_go(bus, ledger, of * 5 + round);
                    }
                })
            })
            .collect();
        // They end the publishers, whatever becomes of them.
        let ends: Vec<_> = changing.into_iter().map(|changes| changes.join()).collect();
        ledger.over.store(true, Ordering::Relaxed);
        for end in ends {
            end.expect("what was got is what had to be");
        }
    });
}
