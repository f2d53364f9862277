//! The known name that was probably meant.

/// Below this similarity (0 to 1) a suggestion would only puzzle.
const SIMILAR: f64 = 0.5;

/// Most pairs of characters that are compared for one suggestion: some milliseconds. A name
/// that somebody sends may be as long as a request.
const MOST_PAIRS: usize = 1 << 18;

/// The one of the `known` names that is most like `given`, unless none is. Where they are too
/// many or too long it is looked for among the first of them.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = given.chars().count();
    let mut pairs_left = MOST_PAIRS;
    known
        .into_iter()
        .filter(|name| may_be_similar(length, name.chars().count()))
        .take_while(|name| {
            let left = pairs_left.checked_sub(length.saturating_mul(name.len()));
            pairs_left = left.unwrap_or(0);
            left.is_some()
        })
        .map(|name| (strsim::normalized_damerau_levenshtein(given, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// Whether names of these lengths can be similar: the longer one has at most twice as many
/// characters, since each that it has more is a difference.
pub(crate) fn may_be_similar(one: usize, other: usize) -> bool {
    one.max(other) <= one.min(other).saturating_mul(2)
}

/// A hint for a message about the unknown name `given`: the nearest of `known`,
/// if one is near, and all of them.
pub(crate) fn hint(given: &str, known: &[&str]) -> String {
    let all = match known {
        [] => "none is allowed here".to_owned(),
        known => format!("allowed are `{}`", known.join("`, `")),
    };
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`? ({all})"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_not() {
        let known = ["type", "subject", "local_only"];
        assert!(hint("tpye", &known).starts_with("did you mean `type`?"));
        assert!(hint("localonly", &known).starts_with("did you mean `local_only`?"));
        assert_eq!(
            hint("zzz", &known),
            "allowed are `type`, `subject`, `local_only`"
        );
        assert_eq!(hint("x", &[]), "none is allowed here");
    }

    #[test]
    fn names_that_cannot_be_similar_are_not_compared() {
        // Comparing these would take minutes.
        let long = "x".repeat(1 << 20);
        let known = [&long[1..], "orders"];
        assert_eq!(nearest(&long, known), None);
        assert_eq!(nearest("order", known), Some("orders"));
        assert!(may_be_similar(3, 6) && !may_be_similar(3, 7) && !may_be_similar(1, 0));
    }
}
