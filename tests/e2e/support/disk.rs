//! A disk that is as small as a test wants it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::lacking;

/// A file system in memory, unmounted in the end.
pub struct Disk(TempDir);

impl Disk {
    /// None where it cannot be had, which is said.
    pub fn mount(size: &str) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "hearken-test"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(mounted) if mounted.status.success() => Some(Self(folder)),
            refused => {
                lacking(&format!("no file systems that can be mounted: {refused:?}"));
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the node may still be ending.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}
