//! The certificates of a cluster, made by the command.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::cluster::{Launch, node};
use super::plugin::place;
use super::process::{hearken, run};

/// What an authority has made, in a folder.
pub struct Certificates(TempDir);

impl Certificates {
    /// Those of a new authority and of the nodes with these names.
    pub async fn of(nodes: &[&str]) -> Self {
        let certificates = Self(TempDir::new().expect("a temporary folder"));
        certificates.command(&["cluster", "ca"]).await;
        for node in nodes {
            certificates.command(&["cluster", "cert", node]).await;
        }
        certificates
    }

    async fn command(&self, arguments: &[&str]) {
        let made = run(hearken(self.0.path(), arguments)).await;
        assert_eq!(made.code, 0, "{made:?}");
    }

    /// The authority's certificate, the node's, and its key.
    pub fn files(&self, node: &str) -> [PathBuf; 3] {
        let file = |name: &str| self.0.path().join("certificates").join(name);
        [
            file("ca.crt"),
            file(&format!("{node}.crt")),
            file(&format!("{node}.key")),
        ]
    }

    /// The flags that give a node the certificate of the node with this name.
    pub fn flags(&self, node: &str) -> Vec<String> {
        let flags = ["--cluster-ca", "--cluster-cert", "--cluster-key"];
        let files = self.files(node).map(|file| file.display().to_string());
        flags
            .into_iter()
            .zip(files)
            .flat_map(|(flag, file)| [flag.to_owned(), file])
            .collect()
    }

    /// The node of this name, with its certificate.
    pub fn node(&self, name: &str) -> Launch<'static> {
        let flags = self.flags(name);
        node(name).with(&flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Puts the files that another authority made for a node in the place of those
    /// from this one.
    pub fn replace(&self, node: &str, by: &Self) {
        for (replaced, new) in self.files(node).iter().zip(by.files(node)) {
            let name = replaced.file_name().and_then(|name| name.to_str());
            let folder = replaced.parent().unwrap_or(Path::new("."));
            let content = std::fs::read(new).expect("it was made");
            place(folder, name.expect("a name"), &content);
        }
    }
}
