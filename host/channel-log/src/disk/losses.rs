//! Which numbers of a channel are damaged or given up.

use super::catalogue::Loss;
use crate::Span;

/// Notes that the events of `span` are damaged; returns whether that was news.
pub(super) fn add(losses: &mut Vec<Loss>, span: Span) -> bool {
    let mut missing = Some(span);
    let mut added = Vec::new();
    for known in losses.iter().map(|loss| loss.span) {
        let Some(rest) = missing else { break };
        if known.last < rest.first || known.first > rest.last {
            continue;
        }
        let before = Span::new(rest.first, known.first.saturating_sub(1));
        added.extend(before.filter(|_| known.first > rest.first));
        missing = Span::new(known.last.saturating_add(1), rest.last);
    }
    added.extend(missing);
    let news = !added.is_empty();
    losses.extend(added.into_iter().map(|span| Loss {
        span,
        given_up: false,
    }));
    tidy(losses);
    news
}

/// Notes that the events of `span` are there after all; returns whether that was news.
/// Numbers that were given up stay so.
pub(super) fn find_again(losses: &mut Vec<Loss>, span: Span) -> bool {
    let mut news = false;
    for loss in std::mem::take(losses) {
        let apart = loss.span.last < span.first || loss.span.first > span.last;
        if apart || loss.given_up {
            losses.push(loss);
            continue;
        }
        news = true;
        let before = Span::new(loss.span.first, span.first.saturating_sub(1));
        let before = before.filter(|_| loss.span.first < span.first);
        let behind = Span::new(span.last.saturating_add(1), loss.span.last);
        let behind = behind.filter(|_| loss.span.last > span.last);
        losses.extend(before.into_iter().chain(behind).map(|span| Loss {
            span,
            given_up: false,
        }));
    }
    news
}

/// Gives up what is damaged; returns which numbers.
pub(super) fn give_up(losses: &mut Vec<Loss>) -> Vec<Span> {
    let damaged = damaged(losses);
    for loss in losses.iter_mut() {
        loss.given_up = true;
    }
    tidy(losses);
    damaged
}

/// Forgets what is below `first`; returns whether there was any.
pub(super) fn forget_below(losses: &mut Vec<Loss>, first: u64) -> bool {
    let before = losses.len();
    losses.retain(|loss| loss.span.last >= first);
    losses.len() < before
}

/// What is damaged and not given up.
pub(super) fn damaged(losses: &[Loss]) -> Vec<Span> {
    let damaged = losses.iter().filter(|loss| !loss.given_up);
    damaged.map(|loss| loss.span).collect()
}

/// The last number that was given up, 0 if none was.
pub(super) fn last_given_up(losses: &[Loss]) -> u64 {
    let given_up = losses.iter().rev().find(|loss| loss.given_up);
    given_up.map_or(0, |loss| loss.span.last)
}

/// The loss that a number is among.
pub(super) fn of(losses: &[Loss], number: u64) -> Option<Loss> {
    let behind = losses.partition_point(|loss| loss.span.last < number);
    let loss = losses.get(behind).copied();
    loss.filter(|loss| loss.span.contains(number))
}

/// The first number behind `number` that is lost.
pub(super) fn next_behind(losses: &[Loss], number: u64) -> Option<u64> {
    let behind = losses.partition_point(|loss| loss.span.first <= number);
    losses.get(behind).map(|loss| loss.span.first)
}

/// Sorts them and joins what follows each other.
fn tidy(losses: &mut Vec<Loss>) {
    losses.sort_unstable();
    losses.dedup_by(|next, loss| {
        let joined = loss.given_up == next.given_up
            && loss.span.last.checked_add(1) == Some(next.span.first);
        if joined {
            loss.span.last = next.span.last;
        }
        joined
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    #[test]
    fn what_is_found_again_is_not_lost() {
        let mut losses = Vec::new();
        add(&mut losses, span(1, 4));
        give_up(&mut losses);
        add(&mut losses, span(10, 19));
        assert!(!find_again(&mut losses, span(5, 9)));
        assert!(!find_again(&mut losses, span(3, 5)));
        assert!(find_again(&mut losses, span(12, 13)));
        assert_eq!(damaged(&losses), [span(10, 11), span(14, 19)]);
        assert!(find_again(&mut losses, span(1, 15)));
        assert_eq!(damaged(&losses), [span(16, 19)]);
        assert!(find_again(&mut losses, span(16, 30)));
        assert_eq!(damaged(&losses), []);
        assert_eq!(losses.len(), 1);
    }

    #[test]
    fn what_is_known_is_not_added_again() {
        let mut losses = Vec::new();
        assert!(add(&mut losses, span(5, 6)));
        assert!(!add(&mut losses, span(6, 6)));
        assert_eq!(last_given_up(&losses), 0);
        assert_eq!(give_up(&mut losses), [span(5, 6)]);
        assert!(add(&mut losses, span(10, 12)));
        assert_eq!(last_given_up(&losses), 6);
        assert!(add(&mut losses, span(1, 20)));
        assert_eq!(damaged(&losses), [span(1, 4), span(7, 20)]);
        assert!(!add(&mut losses, span(1, 20)));
        assert_eq!(of(&losses, 5).map(|loss| loss.given_up), Some(true));
        assert_eq!(of(&losses, 7).map(|loss| loss.given_up), Some(false));
        assert_eq!(of(&losses, 21), None);
        assert_eq!(next_behind(&losses, 4), Some(5));
        assert_eq!(next_behind(&losses, 7), None);
        assert!(forget_below(&mut losses, 7));
        assert_eq!(losses.len(), 1);
        assert_eq!(give_up(&mut losses), [span(7, 20)]);
    }
}
