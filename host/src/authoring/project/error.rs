//! Why a project gave no plugin.

use std::path::PathBuf;
use std::time::Duration;

/// Why a project gave no plugin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProjectError {
    /// Its `package.json` cannot be read, or says what it must not.
    #[error("{}: {reason}", file.display())]
    Described {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to begin with.
    #[error("{}", no_entry(dir, said.as_deref()))]
    NoEntry {
        /// The project.
        dir: PathBuf,
        /// What its `package.json` names.
        said: Option<String>,
    },
    /// A program that is needed is not there.
    #[error("cannot run `{tool}`: {reason}{}", advice(tool))]
    Tool {
        /// The program.
        tool: String,
        /// What the system said.
        reason: String,
    },
    /// A program has not come to its end.
    #[error("`{tool}` took longer than {}, and was ended", humantime::format_duration(*within))]
    Slow {
        /// The program.
        tool: String,
        /// How long it was given.
        within: Duration,
    },
    /// The packages that it needs were not installed.
    #[error("`{tool} install` failed in {}:\n{output}", dir.display())]
    Install {
        /// The program.
        tool: String,
        /// The project.
        dir: PathBuf,
        /// What it said.
        output: String,
    },
    /// The project has no bundler.
    #[error(
        "{} has no esbuild, which makes one text of it: `npm install --save-dev esbuild` there",
        .0.display()
    )]
    NoBundler(PathBuf),
    /// The bundler has found something wrong with it.
    #[error("{output}")]
    Bundle {
        /// What it said.
        output: String,
    },
    /// The packages that a project in Python names cannot be had.
    #[error("{output}")]
    Packages {
        /// What pip said, and what that means.
        output: String,
    },
    /// What was made cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

fn no_entry(dir: &std::path::Path, said: Option<&str>) -> String {
    let dir = dir.display();
    match said {
        Some(said) => format!("{dir} has no {said}, with which its package.json says it begins"),
        None => format!(
            "{dir} has nothing to begin with: src/main.ts or src/main.js, or what \
             `\"hearken\": {{ \"entry\": \"FILE\" }}` in its package.json names"
        ),
    }
}

fn advice(tool: &str) -> &'static str {
    match tool {
        "python3" => "; Python comes from https://www.python.org",
        "npm" | "npx" => "; it comes with Node, from https://nodejs.org",
        _ => "",
    }
}
