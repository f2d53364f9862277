//! The known name that was probably meant.

/// Below this similarity (0 to 1) a suggestion would be a guess.
const SIMILAR: f64 = 0.7;

/// A hint for a message about the unknown name `given`: the nearest of `known`,
/// if one is near, and all of them.
pub(super) fn hint(given: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let all = match known {
        [] => "none is allowed here".to_owned(),
        known => format!("allowed are `{}`", known.join("`, `")),
    };
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`? ({all})"),
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
