//! Where the files are.

use std::io;
use std::path::{Path, PathBuf};

use super::device::Device;

const SUFFIX: &str = ".log";

/// Where the files of the journal are.
pub(super) fn journal(root: &Path) -> PathBuf {
    root.join("journal")
}

/// A file of the journal, or a segment, by the number that it begins with.
pub(super) fn numbered(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}{SUFFIX}"))
}

/// Where the segments of a channel are.
pub(super) fn channel(root: &Path, id: u64) -> PathBuf {
    root.join(id.to_string())
}

/// The number that the name of a file has.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let decimal = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| digits.parse().ok()).flatten()
}

/// The channel whose folder has this name.
pub(super) fn channel_of(name: &str) -> Option<u64> {
    let id: u64 = name.parse().ok()?;
    (id.to_string() == name).then_some(id)
}

/// Makes durable which files of a folder were removed. That has to be done before the next
/// one is: were an older file there again after a crash and a younger one not, then only the
/// catalogue could tell what is missing between them from what was lost, and it may be lost
/// too.
pub(super) fn sync_removals(device: &dyn Device, folder: &Path) -> io::Result<()> {
    device.sync_folder(folder)
}

/// Removes a folder with files in it, durably; it need not be there. Where somebody has put
/// a folder into it, it stays, with that alone.
pub(super) fn remove(device: &dyn Device, root: &Path, folder: &Path) -> io::Result<()> {
    let entries = match device.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let (others, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.folder);
    for file in files {
        device.remove_file(&folder.join(&file.name))?;
    }
    if !others.is_empty() {
        return device.sync_folder(folder);
    }
    device.remove_folder(folder)?;
    device.sync_folder(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let path = numbered(Path::new("x"), 42);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "00000000000000000042.log");
        assert_eq!(number_of(name), Some(42));
        assert_eq!(number_of("42.log"), None);
        assert_eq!(number_of("00000000000000000042.tmp"), None);
        assert_eq!(channel_of("7"), Some(7));
        assert_eq!(channel_of("07"), None);
        assert_eq!(channel_of("journal"), None);
    }
}
