//! Who knows each other, by however many steps.

use std::collections::{BTreeMap, BTreeSet};

/// The groups of more than one in which each leads to each, and the arrows within
/// each group.
pub fn of<'n>(
    arrows: impl Iterator<Item = (&'n str, &'n str)>,
) -> Vec<BTreeSet<(&'n str, &'n str)>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
        next.entry(to).or_default();
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = next
        .keys()
        .map(|from| (*from, reach(from, &next)))
        .collect();
    let mut circles = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (name, far) in &reached {
        if seen.contains(name) || !far.contains(name) {
            continue;
        }
        let group: BTreeSet<&str> = far
            .iter()
            .filter(|other| reached[*other].contains(name))
            .copied()
            .collect();
        let within = group.iter().flat_map(|from| {
            let group = &group;
            let near = next[from].iter().filter(move |to| group.contains(*to));
            near.map(|to| (*from, *to))
        });
        circles.push(within.collect());
        seen.extend(&group);
    }
    circles
}

/// All that can be reached by at least one step.
fn reach<'n>(from: &str, next: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> BTreeSet<&'n str> {
    let mut far = BTreeSet::new();
    let mut at: Vec<&str> = next[from].iter().copied().collect();
    while let Some(name) = at.pop() {
        if far.insert(name) {
            at.extend(&next[name]);
        }
    }
    far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_however_long_the_way() {
        let arrows = [
            ("a", "b"),
            ("b", "a"),
            ("b", "c"),
            ("c", "d"),
            ("d", "e"),
            ("e", "c"),
            ("e", "f"),
        ];
        let found = of(arrows.into_iter());
        assert_eq!(
            found,
            [
                BTreeSet::from([("a", "b"), ("b", "a")]),
                BTreeSet::from([("c", "d"), ("d", "e"), ("e", "c")]),
            ]
        );
        assert_eq!(
            of([("a", "b"), ("b", "c"), ("a", "c")].into_iter()),
            [] as [BTreeSet<_>; 0]
        );
    }
}
