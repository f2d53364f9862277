//! Links within the repository lead somewhere.

use std::collections::BTreeSet;

use crate::page::Page;
use crate::support::guests::checkout;

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    let mut dead = Vec::new();
    for page in Page::all() {
        for link in links(&page.prose()) {
            if link.contains("://") {
                continue;
            }
            followed += 1;
            if let Err(reason) = follow(&page, &link) {
                dead.push(format!("{}: ({link}): {reason}", page.path));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(followed > 50, "only {followed} links were found");
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = Page::read("README.md");
    let linked: BTreeSet<String> = links(&readme.prose()).into_iter().collect();
    for page in Page::all() {
        if page.path.starts_with("host/docs/") {
            assert!(linked.contains(&page.path), "{}", page.path);
        }
    }
}

fn follow(page: &Page, link: &str) -> Result<(), String> {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (link, None),
    };
    let target = if file.is_empty() {
        checkout().join(&page.path)
    } else {
        page.folder().join(file)
    };
    if !target.exists() {
        return Err("there is no such file".to_owned());
    }
    let Some(anchor) = anchor else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&target).map_err(|error| error.to_string())?;
    let target = Page {
        path: page.path.clone(),
        text,
    };
    let anchors: Vec<String> = target.prose().lines().filter_map(anchor_of).collect();
    if anchors.iter().any(|known| known == anchor) {
        Ok(())
    } else {
        Err(format!("there are {anchors:?}"))
    }
}

/// Where the links of a text lead.
fn links(text: &str) -> Vec<String> {
    let links = text.split("](").skip(1);
    links
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect()
}

/// The anchor that GitHub gives a heading.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#');
    let heading = heading.strip_prefix(' ')?.to_lowercase();
    let kept = heading
        .chars()
        .filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    Some(
        kept.map(|char| if char == ' ' { '-' } else { char })
            .collect(),
    )
}

#[test]
fn headings_have_the_anchors_of_github() {
    let anchor = |line| anchor_of(line).unwrap_or_default();
    assert_eq!(anchor("## The manifest"), "the-manifest");
    assert_eq!(anchor("### `run`, and \"dev\""), "run-and-dev");
    assert_eq!(anchor("no heading"), "");
}
