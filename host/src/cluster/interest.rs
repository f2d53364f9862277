//! Interest on the wire: what a node wants of another's events, so that it is sent
//! nothing else.

use std::collections::BTreeSet;

use super::protocol;
use crate::bus::{Filter, Wanted};
use crate::event::{Pattern, PatternError};

/// Most filters that a node asks another for; when its receivers want more, it asks
/// for a wider and shorter list.
const MAX_FILTERS: usize = 1000;

/// The interest is larger than any node sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterestError {
    /// There are too many filters.
    #[error("it wants {0} filters; at most {MAX_FILTERS} are allowed")]
    TooMany(usize),
    /// A filter's pattern is none.
    #[error("it wants the pattern {pattern:?}: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
}

/// What to ask the node `peer` for.
pub fn interest_in(peer: &str, wanted: &[Wanted]) -> Vec<protocol::Filter> {
    let of_peer = || {
        wanted
            .iter()
            .filter(|wanted| wanted.exclude.as_deref() != Some(peer))
    };
    // Several receivers may differ only in whom else they exclude.
    let exact: BTreeSet<_> = of_peer()
        .map(|wanted| (&wanted.pattern, &wanted.subject, &wanted.channel))
        .collect();
    if exact.len() <= MAX_FILTERS {
        let filters = exact.into_iter().map(|(pattern, subject, channel)| {
            let text = |text: &std::sync::Arc<str>| text.to_string();
            protocol::Filter {
                pattern: text(pattern),
                subject: subject.as_ref().map(text),
                channel: channel.as_ref().map(text),
            }
        });
        return filters.collect();
    }
    let by_pattern = |pattern: &str| protocol::Filter {
        pattern: pattern.to_owned(),
        ..protocol::Filter::default()
    };
    let patterns: BTreeSet<_> = of_peer().map(|wanted| &wanted.pattern).collect();
    if patterns.len() <= MAX_FILTERS {
        return patterns
            .into_iter()
            .map(|pattern| by_pattern(pattern))
            .collect();
    }
    vec![by_pattern("*")]
}

/// The filters of a link to a node that wants this.
///
/// # Errors
/// [`InterestError`] when no node would send that.
pub fn link_filters(wanted: &[protocol::Filter]) -> Result<Vec<Filter>, InterestError> {
    if wanted.len() > MAX_FILTERS {
        return Err(InterestError::TooMany(wanted.len()));
    }
    let filter = |wanted: &protocol::Filter| {
        let pattern = Pattern::new(&wanted.pattern).map_err(|error| InterestError::Pattern {
            pattern: wanted.pattern.clone(),
            error,
        })?;
        Ok(Filter {
            subject: wanted.subject.as_deref().map(Into::into),
            channel: wanted.channel.as_deref().map(Into::into),
            // Its own events only: so nothing loops.
            local_only: true,
            distributed_only: true,
            ..Filter::new(pattern)
        })
    };
    wanted.iter().map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pattern: &str, subject: Option<&str>, exclude: Option<&str>) -> Wanted {
        Wanted {
            pattern: pattern.into(),
            subject: subject.map(Into::into),
            channel: None,
            exclude: exclude.map(Into::into),
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
        let all = [
            wanted("a", None, None),
            wanted("b", None, Some("peer")),
            wanted("c", None, Some("other")),
            wanted("c", None, None),
        ];
        assert_eq!(patterns(&interest_in("peer", &all)), ["a", "c"]);
    }

    #[test]
    fn what_is_too_long_is_asked_for_wider() {
        let subject = |number| wanted("a", Some(&format!("subject-{number}")), None);
        let subjects: Vec<Wanted> = (0..=MAX_FILTERS).map(subject).collect();
        let filters = interest_in("peer", &subjects);
        assert_eq!(filters.len(), 1);
        assert_eq!(
            (filters[0].pattern.as_str(), &filters[0].subject),
            ("a", &None)
        );
        assert_eq!(interest_in("peer", &subjects[1..]).len(), MAX_FILTERS);

        let pattern = |number| wanted(&format!("type-{number}"), None, None);
        let types: Vec<Wanted> = (0..=MAX_FILTERS).map(pattern).collect();
        assert_eq!(patterns(&interest_in("peer", &types)), ["*"]);
    }

    #[test]
    fn links_carry_only_distributed_events_of_their_own_node() {
        let filters = link_filters(&interest_in("peer", &[wanted("a", Some("s"), None)]));
        let filters = filters.expect("valid");
        assert_eq!(filters.len(), 1);
        assert!(filters[0].local_only && filters[0].distributed_only);
        assert_eq!(filters[0].subject.as_deref(), Some("s"));
    }

    #[test]
    fn refuses_what_no_node_sends() {
        let filter = |pattern: &str| protocol::Filter {
            pattern: pattern.into(),
            ..protocol::Filter::default()
        };
        let many = vec![filter("*"); MAX_FILTERS + 1];
        assert_eq!(
            link_filters(&many),
            Err(InterestError::TooMany(MAX_FILTERS + 1))
        );
        assert!(matches!(
            link_filters(&[filter("")]),
            Err(InterestError::Pattern { .. })
        ));
    }
}
