//! The known name that was probably meant.

/// Below this similarity (0 to 1) a suggestion would only puzzle.
const SIMILAR: f64 = 0.5;

/// The one of the `known` names that is most like `given`, unless none is.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(given, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
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
    use super::hint;

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
}
