//! The table of rooms in the docs of a module: which modules are in it, from the lowest
//! to the highest, and what each may know.
//!
//! ```text
//! //! | room | what it is for | knows |
//! //! | --- | --- | --- |
//! //! | [`event`] | what flows | nothing else |
//! //! | [`bus`] | publishing | `event` |
//! //! | [`cli`], [`node`] | the commands, the node | all above but `event` |
//! ```
//!
//! Where the last column is missing, each may know all above it.

use std::collections::{BTreeMap, BTreeSet};

/// What each room may know.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rooms {
    /// The rooms as they stand in the table, and what each may know.
    pub rows: Vec<(String, BTreeSet<String>)>,
    /// Those that may know all above, so that it is no fault not to.
    pub wide: BTreeSet<String>,
}

impl Rooms {
    /// Reads the table, if there is one.
    ///
    /// # Errors
    ///
    /// Says which row cannot be understood, or names a room that is not above it.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let mut rows = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("//!"))
            .map(str::trim)
            .skip_while(|line| !is_head(line))
            .take_while(|line| line.starts_with('|'))
            .peekable();
        if rows.peek().is_none() {
            return Ok(None);
        }
        let mut rooms = Self::default();
        for row in rows.skip(2) {
            rooms.row(row)?;
        }
        Ok(Some(rooms))
    }

    fn row(&mut self, row: &str) -> Result<(), String> {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let (names, knows) = match cells.as_slice() {
            [names, _, knows] => (*names, *knows),
            [names, _] => (*names, "all above"),
            _ => return Err(format!("neither two cells nor three: {row}")),
        };
        let above: BTreeSet<String> = self.rows.iter().map(|(name, _)| name.clone()).collect();
        let named = ticked(knows);
        if let Some(unknown) = named.iter().find(|name| !above.contains(*name)) {
            return Err(format!("`{unknown}` is not above: {row}"));
        }
        let wide = knows.trim().starts_with("all above");
        let may: BTreeSet<String> = if wide {
            above.difference(&named).cloned().collect()
        } else if named.is_empty() == (knows.trim() == "nothing else") {
            named
        } else {
            return Err(format!("neither names nor \"nothing else\": {row}"));
        };
        let names = ticked(names);
        if names.is_empty() {
            return Err(format!("no name: {row}"));
        }
        for name in names {
            if above.contains(&name) {
                return Err(format!("`{name}` stands twice: {row}"));
            }
            if wide {
                self.wide.insert(name.clone());
            }
            self.rows.push((name, may.clone()));
        }
        Ok(())
    }

    /// What each room may know, by name.
    pub fn by_name(&self) -> BTreeMap<&str, &BTreeSet<String>> {
        let rows = self.rows.iter();
        rows.map(|(name, knows)| (name.as_str(), knows)).collect()
    }
}

fn is_head(line: &str) -> bool {
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    matches!(
        cells.as_slice(),
        ["", "room", _, "knows", ""] | ["", "room", _, ""]
    )
}

/// The words in backticks.
fn ticked(cell: &str) -> BTreeSet<String> {
    let words = cell.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Option<Rooms>, String> {
        let head = "//! Docs.\n//!\n//! | room | for | knows |\n//! | --- | --- | --- |\n";
        Rooms::read(&format!("{head}{rows}//!\n//! | no | row | `x` |\n"))
    }

    #[test]
    fn a_table_says_who_may_know_whom() {
        let rooms = read(
            "//! | [`a`] | x | nothing else |\n\
             //! | [`b`], `c` | x | `a` |\n\
             //! | `d` | x | all above but `b` |\n",
        )
        .unwrap()
        .unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            rooms.rows,
            [
                ("a".to_owned(), names(&[])),
                ("b".to_owned(), names(&["a"])),
                ("c".to_owned(), names(&["a"])),
                ("d".to_owned(), names(&["a", "c"])),
            ]
        );
        assert_eq!(rooms.wide, names(&["d"]));
        assert_eq!(Rooms::read("//! No table.\n"), Ok(None));
        let short = "//! | room | for |\n//! | --- | --- |\n//! | `a` | x |\n//! | `b` | x |\n";
        let rooms = Rooms::read(short).unwrap().unwrap();
        assert_eq!(rooms.rows[1], ("b".to_owned(), names(&["a"])));
    }

    #[test]
    fn a_row_may_name_only_what_stands_above() {
        for (rows, told) in [
            (
                "//! | `a` | x | `b` |\n//! | `b` | x | nothing else |\n",
                "`b` is not above",
            ),
            ("//! | `a` | x | `a` |\n", "`a` is not above"),
            ("//! | `a`, `b` | x | `a` |\n", "`a` is not above"),
            ("//! | `a` | x | much |\n", "neither names"),
            ("//! | `a` |\n", "neither two cells"),
            ("//! | a | x | nothing else |\n", "no name"),
            (
                "//! | `a` | x | nothing else |\n//! | `a` | x | nothing else |\n",
                "twice",
            ),
        ] {
            let error = read(rows).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
