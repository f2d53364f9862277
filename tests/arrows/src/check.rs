//! Arrows held against the tables of rooms.

use std::collections::BTreeSet;

use crate::arrows::Arrows;
use crate::checkout::Sources;
use crate::circles;
use crate::rooms::Rooms;

/// What is wrong with the arrows: arrows that the table of a folder does not allow, what
/// a table allows or names for nothing, and circles.
pub fn all(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, rooms) in &sources.tables {
        faults.extend(rows(&sources.files, folder, rooms));
        faults.extend(table(&sources.arrows, folder, rooms));
    }
    faults.extend(circular(&sources.arrows));
    faults
}

/// Each room of a folder has a row in its table, and each row a room.
fn rows(files: &[String], folder: &str, rooms: &Rooms) -> Vec<String> {
    let there: BTreeSet<&str> = files.iter().filter_map(|file| room(folder, file)).collect();
    let rows: BTreeSet<&str> = rooms.rows.iter().map(|(name, _)| name.as_str()).collect();
    let without = there.difference(&rows);
    let idle = rows.difference(&there);
    let folder = if folder.is_empty() {
        "the root"
    } else {
        folder
    };
    without
        .map(|name| format!("`{name}` has no row in the table of {folder}"))
        .chain(idle.map(|name| format!("`{name}` has a row and is not in {folder}")))
        .collect()
}

/// Holds the arrows between the rooms of one folder against its table.
fn table(arrows: &Arrows, folder: &str, rooms: &Rooms) -> Vec<String> {
    let by_name = rooms.by_name();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for ((from, to), names) in arrows {
        let (Some(room), Some(other)) = (room(folder, from), room(folder, to)) else {
            continue;
        };
        if room == other {
            continue;
        }
        seen.insert((room, other));
        let arrow = format!("{from} -> {to} ({})", names.join(", "));
        if by_name.get(room).is_none_or(|knows| !knows.contains(other)) {
            faults.push(format!("`{room}` may not know `{other}`: {arrow}"));
        }
    }
    for (name, knows) in &rooms.rows {
        if rooms.wide.contains(name) {
            continue;
        }
        for other in knows {
            if !seen.contains(&(name.as_str(), other.as_str())) {
                faults.push(format!(
                    "`{name}` has no use for `{other}`, which its row allows"
                ));
            }
        }
    }
    faults
}

/// The room of a folder that a file is in, if the file is in the folder and not the
/// folder's own `mod.rs` or `lib.rs`.
pub fn room<'f>(folder: &str, file: &'f str) -> Option<&'f str> {
    let rest = file.strip_prefix(folder)?;
    let (name, file) = rest.split_once('/').unwrap_or((rest, ""));
    match name.strip_suffix(".rs") {
        Some("mod" | "lib" | "main") => None,
        Some(name) => Some(name),
        None if file.is_empty() => None,
        None => Some(name),
    }
}

/// The circles of files.
fn circular(arrows: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    let every = arrows.keys().map(|(from, to)| (from.as_str(), to.as_str()));
    for circle in circles::of(every) {
        let files: BTreeSet<&str> = circle.iter().map(|(from, _)| *from).collect();
        let mut fault = format!("a circle of {} files:", files.len());
        for (from, to) in circle {
            let names = &arrows[&(from.to_owned(), to.to_owned())];
            fault.push_str(&format!("\n    {from} -> {to} ({})", names.join(", ")));
        }
        faults.push(fault);
    }
    faults
}

#[cfg(test)]
mod tests {
    use crate::checkout;
    use crate::tree::tests::text;

    use super::*;

    /// The faults of a tree of files, with the tables in their docs.
    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let sources = checkout::read(&|path| text(files, path)).unwrap();
        assert_eq!(sources.faults, [] as [&str; 0]);
        all(&sources)
    }

    const ROOT: &str = "//! | room | for | knows |\n//! | --- | --- | --- |\n\
        //! | `a` | x | nothing else |\n//! | `b` | x | `a` |\n\
        //! | `c` | x | all above but `a` |\nmod a; mod b; mod c;";

    #[test]
    fn what_the_table_allows_is_no_fault_and_an_arrow_more_is() {
        let files = [
            ("lib.rs", ROOT),
            ("a.rs", "pub struct A;"),
            ("b/mod.rs", "mod d; pub use d::B;"),
            ("b/d.rs", "use crate::a::A; pub struct B;"),
            ("c.rs", "use crate::b::B;"),
        ];
        assert_eq!(faults(&files), [] as [&str; 0]);
        let mut more = files;
        more[4].1 = "use crate::b::B; fn f() { crate::a::A }";
        assert_eq!(
            faults(&more),
            ["`c` may not know `a`: c.rs -> a.rs (crate::a::A)"]
        );
        more = files;
        more[3].1 = "pub struct B;";
        assert_eq!(
            faults(&more),
            ["`b` has no use for `a`, which its row allows"]
        );
    }

    #[test]
    fn a_room_without_a_row_is_told() {
        let root = format!("{ROOT} mod e;");
        let mut files = [
            ("lib.rs", root.as_str()),
            ("a.rs", "pub struct A;"),
            ("b.rs", "use crate::a::A;"),
            ("c.rs", ""),
            ("e.rs", "use crate::a::A;"),
        ];
        assert_eq!(
            faults(&files),
            [
                "`e` has no row in the table of the root",
                "`e` may not know `a`: e.rs -> a.rs (crate::a::A)",
            ]
        );
        files[0].1 = &root[..root.len() - "mod c; mod e;".len()];
        assert_eq!(faults(&files), ["`c` has a row and is not in the root"]);
    }

    #[test]
    fn a_folder_can_have_a_table_of_its_own() {
        let files = [
            ("lib.rs", "mod r;"),
            (
                "r/mod.rs",
                "//! | room | for | knows |\n//! | --- | --- | --- |\n\
                 //! | `low` | x | nothing else |\n//! | `high` | x | `low` |\nmod low; mod high;",
            ),
            ("r/low.rs", "pub struct Low;"),
            ("r/high/mod.rs", "mod deep; pub struct High;"),
            ("r/high/deep.rs", "use crate::r::low::Low;"),
        ];
        assert_eq!(faults(&files), [] as [&str; 0]);
        let mut more = files;
        more[2].1 = "pub struct Low; fn f() { super::high::High }";
        assert_eq!(
            faults(&more),
            ["`low` may not know `high`: r/low.rs -> r/high/mod.rs (super::high::High)"]
        );
    }

    #[test]
    fn circles_of_two_and_three_files_are_told() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "pub struct C;"),
        ];
        assert_eq!(faults(&files), [] as [&str; 0]);
        let mut two = files;
        two[2].1 = "use super::a::A; pub struct B;";
        assert_eq!(
            faults(&two),
            [
                "a circle of 2 files:\n    a.rs -> b.rs (crate::b::B)\n    b.rs -> a.rs (super::a::A)"
            ]
        );
        let mut three = files;
        three[3].1 = "pub struct C; fn f(a: crate::a::A) {}";
        let told = faults(&three);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("a circle of 3 files:"), "{told:?}");
        assert!(told[0].contains("c.rs -> a.rs (crate::a::A)"), "{told:?}");
    }

    #[test]
    fn a_file_is_in_the_room_that_its_place_says() {
        for (folder, file, name) in [
            ("", "a.rs", Some("a")),
            ("", "a/b/c.rs", Some("a")),
            ("", "lib.rs", None),
            ("a/", "a/b/c.rs", Some("b")),
            ("a/", "a/mod.rs", None),
            ("a/", "ab/c.rs", None),
        ] {
            assert_eq!(room(folder, file), name, "{file} in {folder}");
        }
    }
}
