//! Files that are too long to have one subject.

/// The most lines of a file, tests that stand in it included.
pub const MOST_LINES: usize = 400;

/// The files of more than [`MOST_LINES`] that are not among the exceptions, and the
/// exceptions that are none any more. An exception is a file and the reason for it.
pub fn check<'f>(
    files: impl Iterator<Item = (&'f str, usize)>,
    exceptions: &[(&str, &str)],
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut needed = Vec::new();
    for (file, lines) in files.filter(|(_, lines)| *lines > MOST_LINES) {
        if exceptions.iter().any(|(name, _)| *name == file) {
            needed.push(file);
        } else {
            faults.push(format!("{file} has {lines} lines, more than {MOST_LINES}"));
        }
    }
    for (file, _) in exceptions {
        if !needed.contains(file) {
            faults.push(format!("{file} needs no exception"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_idle_exceptions_are_told() {
        let files = [("a.rs", 400), ("b.rs", 401), ("c.rs", 500)];
        let exceptions = [("c.rs", "a table"), ("a.rs", "was long")];
        assert_eq!(
            check(files.into_iter(), &exceptions),
            [
                "b.rs has 401 lines, more than 400",
                "a.rs needs no exception"
            ]
        );
    }
}
