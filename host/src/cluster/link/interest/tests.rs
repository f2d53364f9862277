use proptest::prelude::*;

use super::*;
use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::clock::SystemClock;

/// The minor version that has `InterestChange`, and the one before.
const NEW: u32 = INTEREST_CHANGE_SINCE;
const OLD: u32 = NEW - 1;

fn bus() -> Bus {
    Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".to_owned(),
        max_event_bytes: 4096,
        clock: Arc::new(SystemClock),
    })
}

fn filter(pattern: &str, subject: Option<&str>, exclude: Option<&str>) -> Filter {
    Filter {
        subject: subject.map(Into::into),
        exclude: exclude.map(Into::into),
        ..Filter::new(Pattern::new(pattern).expect("a pattern"))
    }
}

/// Somebody who wants this.
fn wants(bus: &Bus, filters: Vec<Filter>) -> Receiver {
    bus.subscribe(Subscription {
        name: "r".into(),
        kind: ReceiverKind::Stream,
        filters,
        limits: MailboxLimits::default(),
        overflow: Overflow::DropOldest,
        partitions: 1,
    })
}

fn resume(bus: &Bus, minor: u32) -> (Asked, Interest) {
    let node: Arc<str> = "peer".into();
    bus.interest()
        .look(|wishes| Asked::resume(&node, minor, wishes))
}

fn ask(bus: &Bus, asked: &mut Asked) -> Option<Kind> {
    bus.interest().look(|wishes| asked.ask(wishes))
}

fn told(asked: Option<Kind>) -> Vec<protocol::Filter> {
    match asked {
        Some(Kind::Interest(interest)) => interest.filters,
        other => panic!("not all is told: {other:?}"),
    }
}

fn patterns(filters: &[protocol::Filter]) -> Vec<&str> {
    filters
        .iter()
        .map(|filter| filter.pattern.as_str())
        .collect()
}

#[test]
fn a_node_is_not_asked_for_what_excludes_it() {
    let bus = bus();
    let _receiver = wants(
        &bus,
        vec![
            filter("a", None, None),
            filter("b", None, Some("peer")),
            filter("c", None, Some("other")),
            filter("c", None, None),
        ],
    );
    let (_, interest) = resume(&bus, NEW);
    assert_eq!(patterns(&interest.filters), ["a", "c"]);
}

#[test]
fn what_is_too_long_is_asked_for_wider() {
    let bus = bus();
    let subject = |number| filter("a", Some(&format!("subject-{number}")), None);
    let receiver = wants(&bus, (0..=MAX_FILTERS).map(subject).collect());
    let (mut asked, interest) = resume(&bus, NEW);
    assert_eq!(interest.filters, [by_pattern("a")]);
    assert_eq!(ask(&bus, &mut asked), None, "it was asked so already");

    receiver.route((0..MAX_FILTERS).map(subject).collect());
    assert_eq!(ask(&bus, &mut asked), None, "it might soon change back");
    receiver.route((0..MAX_FILTERS / 2).map(subject).collect());
    let filters = told(ask(&bus, &mut asked));
    assert_eq!(filters.len(), MAX_FILTERS / 2);

    let pattern = |number| filter(&format!("type-{number}"), None, None);
    receiver.route((0..=MAX_FILTERS).map(pattern).collect());
    assert_eq!(patterns(&told(ask(&bus, &mut asked))), ["*"]);
}

#[test]
fn long_texts_count() {
    let bus = bus();
    let long = |number: usize| {
        let subject = format!("{number}-{}", "s".repeat(MAX_ATTRIBUTE_BYTES - 8));
        filter("a", Some(&subject), None)
    };
    let few = MAX_RESUME_BYTES / MAX_ATTRIBUTE_BYTES + 1;
    let receiver = wants(&bus, (0..few).map(long).collect());
    let (mut asked, interest) = resume(&bus, NEW);
    assert_eq!(
        interest.filters,
        [by_pattern("a")],
        "a link is not kept waiting"
    );
    assert_eq!(
        told(ask(&bus, &mut asked)).len(),
        few,
        "and told all once it is up"
    );

    let many = MAX_BYTES / MAX_ATTRIBUTE_BYTES + 1;
    receiver.route((0..many).map(long).collect());
    assert_eq!(told(ask(&bus, &mut asked)), [by_pattern("a")]);

    let pattern = |number: usize| {
        let pattern = format!("{number}-{}", "p".repeat(1000));
        filter(&pattern, None, None)
    };
    receiver.route((0..MAX_BYTES / 1000).map(pattern).collect());
    assert_eq!(patterns(&told(ask(&bus, &mut asked))), ["*"]);
}

#[test]
fn what_does_not_concern_a_node_is_known_to_it() {
    let bus = bus();
    let (mut asked, interest) = resume(&bus, NEW);
    assert_eq!(asked.known(), None);
    assert_eq!(asked.confirm(interest.version), interest.version);
    let _receiver = wants(&bus, vec![filter("a", None, None)]);
    assert!(ask(&bus, &mut asked).is_some());
    let version = bus.interest().look(Wishes::version);
    assert_eq!(asked.known(), None);
    assert_eq!(asked.confirm(version), version);
    let another = wants(&bus, vec![filter("c", None, Some("peer"))]);
    drop(another);
    let _many = wants(
        &bus,
        (0..=MAX_FILTERS)
            .map(|number| filter("d", Some(&number.to_string()), None))
            .collect(),
    );
    assert!(told(ask(&bus, &mut asked)).contains(&by_pattern("d")));
    asked.confirm(bus.interest().look(Wishes::version));
    let _further = wants(&bus, vec![filter("d", Some("further"), None)]);
    assert_eq!(ask(&bus, &mut asked), None, "it sends that already");
    let version = bus.interest().look(Wishes::version);
    assert_eq!(asked.known(), Some(version));

    // What was told before counts for what it was.
    let _another = wants(&bus, vec![filter("b", None, None)]);
    assert!(ask(&bus, &mut asked).is_some());
    assert_eq!(asked.known(), None);
    assert_eq!(asked.confirm(version), version);
    assert_eq!(asked.known(), None);
}

#[derive(Clone, Debug)]
enum Step {
    /// A receiver comes that wants these, with subjects of so many more bytes.
    Come(Vec<(String, Option<u16>, bool)>, usize),
    /// One goes.
    Go(proptest::sample::Index),
    /// The other side is told.
    Tell,
    /// The link is made anew.
    Relink,
}

fn any_step() -> impl Strategy<Value = Step> {
    let filter = ("[a-d]", proptest::option::of(0..600_u16), any::<bool>());
    prop_oneof![
        3 => (proptest::collection::vec(filter, 0..500), prop_oneof![3 => Just(0), 1 => Just(1000_usize)])
            .prop_map(|(filters, long)| Step::Come(filters, long)),
        2 => any::<proptest::sample::Index>().prop_map(Step::Go),
        3 => Just(Step::Tell),
        1 => Just(Step::Relink),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// However it is told, the other side sends all that is wanted, and nothing else as
    /// long as that can be said within bounds.
    #[test]
    fn the_other_side_knows_what_is_wanted(
        steps in proptest::collection::vec(any_step(), 1..24),
        minor in prop_oneof![Just(OLD), Just(NEW)],
    ) {
        let bus = bus();
        let mut receivers: Vec<(Receiver, Vec<Filter>)> = Vec::new();
        let mut link = LinkFilters::default();
        let mut asked = None;
        // The filters as the bus has them.
        let mut routes: Vec<Arc<Filter>> = Vec::new();
        for step in steps.into_iter().chain([Step::Tell]) {
            match step {
                Step::Come(filters, long) => {
                    let filters: Vec<Filter> = filters
                        .into_iter()
                        .map(|(pattern, subject, excludes)| {
                            let long = |number| format!("{number}{}", "s".repeat(long));
                            let exclude = excludes.then_some("peer");
                            filter(&pattern, subject.map(long).as_deref(), exclude)
                        })
                        .collect();
                    receivers.push((wants(&bus, filters.clone()), filters));
                }
                Step::Go(at) if !receivers.is_empty() => {
                    receivers.swap_remove(at.index(receivers.len()));
                }
                Step::Go(_) => {}
                Step::Relink => asked = None,
                Step::Tell => {
                    let kinds = match &mut asked {
                        Some(asked) => vec![ask(&bus, asked)],
                        None => {
                            let (mut new, interest) = resume(&bus, minor);
                            let further = ask(&bus, &mut new);
                            asked = Some(new);
                            vec![Some(Kind::Interest(interest)), further]
                        }
                    };
                    for kind in kinds.into_iter().flatten() {
                        let rerouted = match kind {
                            Kind::Interest(interest) => link.replace(&interest.filters),
                            Kind::InterestChange(change) => {
                                prop_assert_eq!(minor, NEW);
                                link.change(&change)
                            }
                            other => panic!("{other:?} is no interest"),
                        };
                        let rerouted = rerouted.expect("within bounds");
                        for filter in &rerouted.removed {
                            let at = routes.iter().position(|own| Arc::ptr_eq(own, filter));
                            routes.swap_remove(at.expect("it was there"));
                        }
                        routes.extend(rerouted.added);
                    }
                    let own: BTreeSet<*const Filter> = routes.iter().map(Arc::as_ptr).collect();
                    let kept: BTreeSet<_> = link.filters.values().map(Arc::as_ptr).collect();
                    prop_assert_eq!(own, kept);
                    prop_assert_eq!(link.bytes, link.filters.keys().map(Wish::bytes).sum::<usize>());
                    let wanted: BTreeSet<Wish> = receivers
                        .iter()
                        .flat_map(|(_, filters)| filters)
                        .filter(|filter| filter.exclude.is_none())
                        .map(Wish::from)
                        .collect();
                    let told: BTreeSet<Wish> = link.filters.keys().cloned().collect();
                    if told != wanted {
                        let (entries, bytes) = bus
                            .interest()
                            .look(|wishes| (wishes.size().entries, wishes.size().bytes));
                        prop_assert!(entries > MAX_FILTERS * 3 / 4 || bytes > MAX_BYTES * 3 / 4);
                        let patterns: BTreeSet<Wish> =
                            wanted.iter().map(|wish| self::wish(&by_pattern(&wish.pattern))).collect();
                        prop_assert_eq!(told, patterns);
                    }
                }
            }
        }
    }
}

#[test]
fn links_carry_only_distributed_events_of_their_own_node() {
    let mut link = LinkFilters::default();
    let wanted = protocol::Filter {
        subject: Some("s".to_owned()),
        ..by_pattern("a")
    };
    let filters = link.replace(&[wanted]).expect("valid").added;
    assert_eq!(filters.len(), 1);
    assert!(filters[0].local_only && filters[0].distributed_only);
    assert_eq!(filters[0].subject.as_deref(), Some("s"));
}

#[test]
fn refuses_what_no_node_sends() {
    let numbered = |number: usize| by_pattern(&number.to_string());
    let mut link = LinkFilters::default();
    let many: Vec<_> = (0..=MAX_FILTERS).map(numbered).collect();
    assert_eq!(
        link.replace(&many),
        Err(InterestError::TooMany(MAX_FILTERS + 1))
    );
    assert!(matches!(
        link.replace(&[by_pattern("")]),
        Err(InterestError::Pattern { .. })
    ));
    assert!(link.is_empty());

    let added = |filters: &[protocol::Filter]| InterestChange {
        added: filters.to_vec(),
        ..InterestChange::default()
    };
    link.change(&added(&many[1..]))
        .expect("as many as are allowed");
    link.change(&added(&many[1..])).expect("none is new");
    assert_eq!(
        link.change(&added(&many)),
        Err(InterestError::TooMany(MAX_FILTERS + 1))
    );
    assert_eq!(link.len(), MAX_FILTERS);
    let mut both = added(&many[1..]);
    both.removed = vec![by_pattern("unknown")];
    let too_many = Err(InterestError::TooMany(MAX_FILTERS + 1));
    assert_eq!(link.change(&both), too_many);
    both.added[0] = by_pattern("");
    assert_eq!(link.change(&both), too_many, "before it is looked at");
    let mut exchange = added(&many[..1]);
    exchange.removed = vec![numbered(1), numbered(1), by_pattern("unknown")];
    let rerouted = link.change(&exchange).expect("no more than before");
    assert_eq!((rerouted.added.len(), rerouted.removed.len()), (1, 1));

    let mut large = LinkFilters::default();
    let long = |number: usize| protocol::Filter {
        subject: Some(format!("{number}{}", "s".repeat(4000))),
        ..by_pattern("a")
    };
    let long: Vec<_> = (0..300).map(long).collect();
    assert!(matches!(
        large.change(&added(&long)),
        Err(InterestError::TooLarge(_))
    ));
    // A node of an earlier version may want so much.
    let rerouted = large.replace(&long).expect("it is sent everything");
    assert_eq!(rerouted.added[0].pattern.as_str(), "*");
    assert_eq!(large.len(), 1);
}

#[test]
fn what_no_event_has_is_left_out() {
    let mut link = LinkFilters::default();
    let wanted = protocol::Filter {
        subject: Some("s".repeat(MAX_ATTRIBUTE_BYTES + 1)),
        ..by_pattern("a")
    };
    assert_eq!(link.replace(&[wanted]), Ok(Rerouted::default()));
}
