//! A page of the documentation and what is in it: fenced blocks, headings, tables.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guests::checkout;

/// A Markdown file of the repository.
pub struct Page {
    /// From the top of the repository, with slashes.
    pub path: String,
    pub text: String,
}

/// A fenced block: what its fence says after the backticks, and its lines without
/// what the fence is indented by.
#[derive(Debug)]
pub struct Block {
    pub info: String,
    /// Number of its first line in the page.
    pub line: usize,
    pub lines: Vec<String>,
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(checkout().join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    /// The README, those of the gallery, and all pages.
    pub fn all() -> Vec<Self> {
        let mut paths = vec!["README.md".to_owned()];
        paths.extend(
            within("host/docs")
                .into_iter()
                .filter(|path| path.ends_with(".md")),
        );
        for plugin in within("plugins") {
            let readme = format!("{plugin}/README.md");
            if checkout().join(&readme).exists() {
                paths.push(readme);
            }
        }
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The folder that the page's links start from.
    pub fn folder(&self) -> PathBuf {
        let file = checkout().join(&self.path);
        file.parent().map(Path::to_owned).expect("it is a file")
    }

    /// The fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            let Some(info) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let within = lines
                .by_ref()
                .map(|(_, line)| line.get(indent..).unwrap_or_default())
                .take_while(|line| *line != "```");
            blocks.push(Block {
                info: info.trim_end_matches('`').to_owned(),
                line: number + 2,
                lines: within.map(str::to_owned).collect(),
            });
        }
        blocks
    }

    /// The text without its fenced blocks.
    pub fn prose(&self) -> String {
        let mut fenced = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }

    /// The cells of the rows of all tables whose first column has this head.
    pub fn rows(&self, head: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            let line = line.trim_matches('|');
            line.split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        let mut rows = Vec::new();
        let mut wanted = None;
        for line in self.prose().lines() {
            if !line.starts_with('|') {
                wanted = None;
                continue;
            }
            let cells = cells(line);
            match wanted {
                None => wanted = Some(cells[0] == head),
                Some(true) if !cells[0].starts_with("---") => rows.push(cells),
                Some(_) => {}
            }
        }
        rows
    }
}

/// What is in a folder, sorted, from the top of the repository.
fn within(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(checkout().join(folder)).expect("the folder is there");
    let mut paths: Vec<String> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            format!("{folder}/{}", name.to_str().expect("UTF-8"))
        })
        .collect();
    paths.sort();
    paths
}
