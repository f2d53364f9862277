use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000;

fn settings(size: usize) -> HistorySettings {
    HistorySettings {
        size,
        ttl: Duration::from_secs(60),
        meta_ttl: Duration::from_secs(3_600),
    }
}

/// A history in which each publication is its number.
fn history(size: usize, publications: u64) -> History<u64> {
    let mut history = History::new("abcdefgh", settings(size), 0);
    for _ in 0..publications {
        history.append(1, 0, |number| number);
    }
    history
}

fn numbers(publications: &[(u64, Arc<u64>)]) -> Vec<u64> {
    for (number, publication) in publications {
        assert_eq!(*number, **publication);
    }
    publications.iter().map(|(number, _)| *number).collect()
}

fn page(history: &mut History<u64>, since: Option<u64>, limit: usize, reverse: bool) -> Vec<u64> {
    let since = since.map(|offset| (offset, "abcdefgh"));
    let asked = PageRequest {
        since,
        limit,
        reverse,
    };
    numbers(&history.page(&asked, 0).unwrap().publications)
}

#[test]
fn an_epoch_has_eight_letters_that_its_random_bits_decide() {
    assert_eq!(epoch_of(0), "AAAAAAAA");
    assert_eq!(epoch_of(1), "BAAAAAAA");
    assert_eq!(epoch_of(51), "zAAAAAAA");
    assert_eq!(epoch_of(52), "ABAAAAAA");
    let last = epoch_of(u64::MAX);
    assert!(last.len() == 8 && last.bytes().all(|letter| letter.is_ascii_alphabetic()));
}

#[test]
fn numbers_begin_at_1_and_the_latest_are_kept() {
    let mut history = history(3, 0);
    assert_eq!(history.top().offset, 0);
    assert_eq!(history.latest(0), None);
    for number in 1..=5 {
        assert_eq!(*history.append(1, 0, |number| number), number);
    }
    assert_eq!(history.top().offset, 5);
    assert_eq!(&*history.top().epoch, "abcdefgh");
    assert_eq!(history.latest(0).map(|latest| **latest), Some(5));
    assert_eq!((history.len(), history.bytes()), (3, 3));
}

#[test]
fn those_up_to_a_number_are_dropped_and_the_position_stays() {
    let mut history = history(4, 6);
    for (number, kept, bytes) in [
        (0, 4, 4),
        (2, 4, 4),
        (4, 2, 2),
        (3, 2, 2),
        (6, 0, 0),
        (9, 0, 0),
    ] {
        history.drop_up_to(number);
        assert_eq!((history.len(), history.bytes()), (kept, bytes), "{number}");
        assert_eq!(history.top().offset, 6);
    }
    assert_eq!(history.expires(), None);
}

#[test]
fn a_page_goes_in_either_direction() {
    let mut history = history(4, 6);
    for (since, limit, reverse, expected) in [
        (None, 0, false, &[][..]),
        (None, 0, true, &[]),
        (None, 2, false, &[3, 4]),
        (None, 9, false, &[3, 4, 5, 6]),
        (None, 2, true, &[6, 5]),
        (None, 9, true, &[6, 5, 4, 3]),
        (Some(4), 9, false, &[5, 6]),
        (Some(4), 1, false, &[5]),
        (Some(0), 9, false, &[3, 4, 5, 6]),
        (Some(1), 2, false, &[3, 4]),
        (Some(6), 9, false, &[]),
        (Some(9), 9, false, &[]),
        (Some(5), 9, true, &[4, 3]),
        (Some(5), 1, true, &[4]),
        (Some(3), 9, true, &[]),
        (Some(1), 9, true, &[]),
        (Some(7), 9, true, &[6, 5, 4, 3]),
        (Some(u64::MAX), 1, true, &[6]),
        (Some(u64::MAX), 1, false, &[]),
    ] {
        assert_eq!(
            page(&mut history, since, limit, reverse),
            expected,
            "{since:?} {limit} {reverse}"
        );
    }
}

#[test]
fn a_page_of_another_history_or_before_the_first_is_refused() {
    let mut history = history(4, 2);
    let mut asked = |since, reverse| {
        let asked = PageRequest {
            since: Some(since),
            limit: 9,
            reverse,
        };
        history.page(&asked, 0).map(|page| page.publications.len())
    };
    assert_eq!(asked((1, "hgfedcba"), false), Err(HistoryError::OtherEpoch));
    assert_eq!(asked((1, ""), false), Ok(1));
    assert_eq!(asked((0, ""), true), Err(HistoryError::BeforeFirst));
    assert_eq!(asked((2, ""), true), Ok(1));
}

#[test]
fn a_session_recovers_what_it_missed_or_is_told_that_it_cannot() {
    let mut history = history(4, 6);
    for (offset, epoch, limit, expected) in [
        (6, "abcdefgh", 300, Some(vec![])),
        (4, "abcdefgh", 300, Some(vec![5, 6])),
        (2, "abcdefgh", 300, Some(vec![3, 4, 5, 6])),
        (2, "", 300, Some(vec![3, 4, 5, 6])),
        // Not all of it is kept.
        (1, "abcdefgh", 300, None),
        (0, "", 300, None),
        // More than may be recovered.
        (2, "abcdefgh", 3, None),
        (3, "abcdefgh", 3, Some(vec![4, 5, 6])),
        // Another history, or a number that there was not.
        (4, "hgfedcba", 300, None),
        (6, "hgfedcba", 300, None),
        (7, "abcdefgh", 300, None),
        (u64::MAX, "", 300, None),
    ] {
        let recovered = history.recover(offset, epoch, limit, 0);
        let told = format!("{offset} {epoch:?} {limit}");
        assert_eq!(recovered.recovered, expected.is_some(), "{told}");
        assert_eq!(
            numbers(&recovered.publications),
            expected.unwrap_or_default(),
            "{told}"
        );
        assert_eq!(recovered.top.offset, 6, "{told}");
    }
}

#[test]
fn from_the_start_is_recovered_while_all_is_kept() {
    let mut empty = history(4, 0);
    let recovered = empty.recover(0, "", 300, 0);
    assert!(recovered.recovered && recovered.publications.is_empty());
    let mut whole = history(4, 3);
    let recovered = whole.recover(0, "", 300, 0);
    assert_eq!(numbers(&recovered.publications), [1, 2, 3]);
}

#[test]
fn the_latest_is_recovered_by_who_does_not_have_it() {
    let mut empty = history(4, 0);
    let recovered = empty.recover_latest(0, "", 0);
    assert!(!recovered.recovered && recovered.publications.is_empty());
    let mut some = history(4, 3);
    for (offset, epoch, expected) in [
        (0, "", &[3][..]),
        (1, "abcdefgh", &[3]),
        (3, "abcdefgh", &[]),
        (3, "hgfedcba", &[3]),
        (3, "", &[3]),
        (9, "abcdefgh", &[3]),
    ] {
        let recovered = some.recover_latest(offset, epoch, 0);
        assert!(recovered.recovered, "{offset} {epoch:?}");
        assert_eq!(numbers(&recovered.publications), expected);
    }
    // The publication is gone, and who has seen it still has missed nothing.
    some.remove();
    assert!(some.recover_latest(3, "abcdefgh", 0).recovered);
    assert!(!some.recover_latest(2, "abcdefgh", 0).recovered);
}

#[test]
fn all_go_when_none_has_followed_and_the_position_stays() {
    let mut history = history(4, 2);
    assert_eq!(history.expires(), Some(60 * SECOND));
    history.append(1, 50 * SECOND, |number| number);
    assert_eq!(history.expires(), Some(110 * SECOND));
    assert!(history.latest(110 * SECOND - 1).is_some());
    assert_eq!(history.len(), 3);
    assert_eq!(history.latest(110 * SECOND), None);
    assert_eq!((history.len(), history.bytes()), (0, 0));
    assert_eq!(history.expires(), None);
    assert_eq!(history.top().offset, 3);
    assert!(history.recover(3, "abcdefgh", 300, 110 * SECOND).recovered);
    assert!(!history.recover(2, "abcdefgh", 300, 110 * SECOND).recovered);
    assert_eq!(*history.append(1, 111 * SECOND, |number| number), 4);
    assert!(history.recover(3, "abcdefgh", 300, 111 * SECOND).recovered);
}

#[test]
fn the_position_is_forgotten_when_nobody_publishes_or_reads() {
    let mut history = history(4, 1);
    assert_eq!(history.forgotten(), 3_600 * SECOND);
    history.recover(0, "", 300, 100 * SECOND);
    assert_eq!(history.forgotten(), 3_700 * SECOND);
    history.append(1, 200 * SECOND, |number| number);
    assert_eq!(history.forgotten(), 3_800 * SECOND);
}

#[test]
fn what_is_removed_is_gone_and_numbers_go_on() {
    let mut history = history(4, 3);
    history.remove();
    assert!(history.is_empty() && history.bytes() == 0);
    assert_eq!(*history.append(1, 0, |number| number), 4);
    assert_eq!(page(&mut history, None, 9, false), [4]);
}

#[test]
fn bytes_are_bounded_whatever_the_size_is() {
    let mut history = History::new("abcdefgh", settings(1_000), 0);
    let third = MAX_HISTORY_BYTES / 3;
    for _ in 0..5 {
        history.append(third, 0, |number| number);
    }
    assert_eq!(page(&mut history, None, 9, false), [3, 4, 5]);
    // One that is too large is kept alone.
    history.append(MAX_HISTORY_BYTES + 1, 0, |number| number);
    assert_eq!(page(&mut history, None, 9, false), [6]);
    history.append(1, 0, |number| number);
    assert_eq!(page(&mut history, None, 9, false), [7]);
}

#[test]
fn other_settings_hold_at_once() {
    let mut history = history(4, 4);
    let smaller = HistorySettings {
        ttl: Duration::from_secs(10),
        ..settings(2)
    };
    history.set(smaller, 5 * SECOND);
    assert_eq!(page(&mut history, None, 9, false), [3, 4]);
    assert_eq!(history.expires(), Some(15 * SECOND));
    let longer = HistorySettings {
        ttl: Duration::from_secs(100),
        ..settings(2)
    };
    history.set(longer, 6 * SECOND);
    assert_eq!(history.expires(), Some(15 * SECOND), "not later for that");
}

/// All that there ever was, and from which number on it is kept.
#[derive(Debug)]
struct Model {
    top: u64,
    kept_from: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Append,
    Remove,
    Recover { offset: u64, limit: usize },
    Forwards { offset: Option<u64>, limit: usize },
    Backwards { offset: Option<u64>, limit: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let offset = 0..12u64;
    let some = proptest::option::of(1..12u64);
    prop_oneof![
        4 => Just(Step::Append),
        1 => Just(Step::Remove),
        3 => (offset, 0..8usize).prop_map(|(offset, limit)| Step::Recover { offset, limit }),
        2 => (some.clone(), 0..8usize)
            .prop_map(|(offset, limit)| Step::Forwards { offset, limit }),
        2 => (some, 0..8usize).prop_map(|(offset, limit)| Step::Backwards { offset, limit }),
    ]
}

proptest! {
    #[test]
    fn a_history_is_what_a_plain_list_is(
        size in 1..6usize,
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut history = history(size, 0);
        let mut model = Model { top: 0, kept_from: 1 };
        for step in steps {
            match step {
                Step::Append => {
                    history.append(1, 0, |number| number);
                    model.top += 1;
                    let oldest = (model.top + 1).saturating_sub(size as u64);
                    model.kept_from = model.kept_from.max(oldest);
                }
                Step::Remove => {
                    history.remove();
                    model.kept_from = model.top + 1;
                }
                Step::Recover { offset, limit } => {
                    let recovered = history.recover(offset, "abcdefgh", limit, 0);
                    let missed: Vec<u64> = (offset + 1..=model.top).collect();
                    let is_known = offset <= model.top
                        && missed.len() <= limit
                        && missed.first().is_none_or(|first| *first >= model.kept_from);
                    prop_assert_eq!(recovered.recovered, is_known);
                    let expected = if is_known { missed } else { Vec::new() };
                    prop_assert_eq!(numbers(&recovered.publications), expected);
                }
                Step::Forwards { offset, limit } => {
                    let from = offset.map_or(0, |offset| offset + 1).max(model.kept_from);
                    let expected: Vec<u64> = (from..=model.top).take(limit).collect();
                    prop_assert_eq!(page(&mut history, offset, limit, false), expected);
                }
                Step::Backwards { offset, limit } => {
                    let to = offset.map_or(model.top, |offset| model.top.min(offset - 1));
                    let expected: Vec<u64> = (model.kept_from..=to).rev().take(limit).collect();
                    prop_assert_eq!(page(&mut history, offset, limit, true), expected);
                }
            }
            prop_assert_eq!(history.top().offset, model.top);
            prop_assert_eq!(history.len() as u64, model.top + 1 - model.kept_from);
        }
    }
}
