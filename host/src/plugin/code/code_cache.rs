//! Compiled code on disk, so that a component is compiled once.
//!
//! Code that is mapped runs as it is. So the folder is the node's own, and each file
//! has its checksum beside it: damage costs compiling again.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::clock::{Clock, SystemClock};

/// Most bytes of compiled code that are kept; bounds what reloading again and
/// again takes of the disk. The largest components compile to about 100 MiB.
const MAX_CACHE_BYTES: u64 = 1 << 30;

/// A folder with compiled code, by content of the component, engine version and
/// settings.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
}

/// Why a folder cannot hold compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CodeCacheError {
    /// It cannot be made or looked at.
    #[error("cannot use the folder of compiled code {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may have put code there, which would run as the node.
    #[error(
        "the folder of compiled code {} {whose}: remove it, and the node makes a new one",
        folder.display()
    )]
    NotOwn {
        /// The folder.
        folder: PathBuf,
        /// Who can change it.
        whose: String,
    },
    /// Anybody may put a folder of their own in its place.
    #[error(
        "the folder of compiled code {} can be replaced by anybody: {} has mode {mode:04o}; \
         take the right to write there from others (`chmod o-w`)",
        folder.display(),
        parent.display()
    )]
    Replaceable {
        /// The folder.
        folder: PathBuf,
        /// The folder that it is in.
        parent: PathBuf,
        /// What may be done with that, as the system has it.
        mode: u32,
    },
}

impl CodeCache {
    /// The cache in `folder`, which is made if it is missing, for this user alone.
    ///
    /// # Errors
    /// [`CodeCacheError`] when it cannot be used, or others can or could write to it.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, CodeCacheError> {
        make(&folder).map_err(|source| CodeCacheError::Folder {
            folder: folder.clone(),
            source,
        })?;
        #[cfg(unix)]
        own(&folder)?;
        Ok(Self { folder })
    }

    /// Where the code of a component is kept.
    pub(crate) fn file(&self, engine: &Engine, content: &blake3::Hash) -> PathBuf {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let name = format!("{}-{:016x}.cwasm", content.to_hex(), settings.finish());
        self.folder.join(name)
    }

    /// The code of a component, if it is there and usable.
    pub(crate) fn load(&self, engine: &Engine, content: &blake3::Hash) -> Option<Component> {
        let cached = self.file(engine, content);
        if !cached.exists() {
            return None;
        }
        // Used last: others make room first. A cache that is read-only still works.
        if let Ok(file) = File::options().write(true).open(&cached) {
            let now = Duration::from_millis(SystemClock.now_millis());
            let _ = file.set_modified(SystemTime::UNIX_EPOCH + now);
        }
        if let Err(error) = check(&cached) {
            tracing::warn!(%error, path = %cached.display(), "compiling again: cached code is damaged");
            return None;
        }
        // SAFETY: the file holds what the compiler gave: `store` writes it to the disk
        // under a temporary name and renames it when it is complete, its checksum was
        // right just now, nobody else can write into the folder, and wasmtime itself
        // refuses code of another version or with other settings. Mapping the file is
        // what makes a start from the cache take 0.1 ms instead of the 40 ms of compiling.
        #[expect(unsafe_code, reason = "see the SAFETY comment")]
        let loaded = unsafe { Component::deserialize_file(engine, &cached) };
        loaded
            .inspect_err(|error| {
                tracing::warn!(%error, path = %cached.display(), "compiling again: cached code is unusable");
            })
            .ok()
    }

    /// Makes code runnable that was just compiled and cannot be kept.
    ///
    /// # Errors
    /// When wasmtime refuses it.
    pub(crate) fn run(&self, engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: these bytes are what the compiler gave, for an engine with the same
        // settings, which wasmtime checks.
        #[expect(unsafe_code, reason = "see the SAFETY comment")]
        unsafe {
            Component::deserialize(engine, code)
        }
    }

    /// Keeps the code of a component, and drops what was used longest ago when
    /// that makes too much.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn store(
        &self,
        engine: &Engine,
        content: &blake3::Hash,
        code: &[u8],
    ) -> std::io::Result<()> {
        let cached = self.file(engine, content);
        self.write(&cached, code)?;
        // Of the bytes and not of the file: what the disk makes of them is to be found.
        let checksum = blake3::hash(code).to_hex();
        self.write(&checksum_of(&cached), checksum.as_bytes())?;
        prune(&self.folder, MAX_CACHE_BYTES)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(content)?;
        // Or a crash of the system could leave a file of this name with holes.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn make(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Checks that nobody else has written to the folder, and lets nobody else read it.
#[cfg(unix)]
fn own(folder: &Path) -> Result<(), CodeCacheError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let failed = |source| CodeCacheError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let refused = |whose| CodeCacheError::NotOwn {
        folder: folder.to_owned(),
        whose,
    };
    if let Some(parent) = folder.parent() {
        // The right to write there is the right to put another folder in this one's
        // place, unless only owners may (the sticky bit).
        let mode = std::fs::metadata(parent).map_err(failed)?.mode() & 0o7777;
        if mode & 0o1002 == 0o0002 {
            return Err(CodeCacheError::Replaceable {
                folder: folder.to_owned(),
                parent: parent.to_owned(),
                mode,
            });
        }
    }
    let metadata = std::fs::metadata(folder).map_err(failed)?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(refused(format!(
            "belongs to the user {} and not to that of the node, {user}",
            metadata.uid()
        )));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(refused(format!(
            "can be written by others than the node's user (mode {mode:04o})"
        )));
    }
    if mode & 0o077 != 0 {
        let own = std::fs::Permissions::from_mode(mode & !0o077);
        std::fs::set_permissions(folder, own).map_err(failed)?;
    }
    Ok(())
}

/// Where the checksum of a file with code is kept: BLAKE3, in hexadecimal.
fn checksum_of(cached: &Path) -> PathBuf {
    cached.with_extension("b3")
}

/// Checks a file with code against its checksum.
fn check(cached: &Path) -> io::Result<()> {
    let mut expected = String::new();
    // Longer than a checksum is wrong too.
    let checksum = File::open(checksum_of(cached))?;
    checksum
        .take(blake3::OUT_LEN as u64 * 2 + 1)
        .read_to_string(&mut expected)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(cached)?)?;
    if hasher.finalize().to_hex().as_str() == expected {
        Ok(())
    } else {
        Err(io::Error::other("its checksum is another"))
    }
}

/// Removes the files used longest ago until the rest has at most `limit` bytes.
fn prune(folder: &Path, limit: u64) -> std::io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Goes with its code.
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "b3")
        {
            continue;
        }
        // Another thread may have removed it meanwhile.
        if let Ok(file) = entry.metadata() {
            files.push((file.modified()?, file.len(), entry.path()));
        }
    }
    files.sort_unstable_by(|a, b| b.cmp(a));
    let mut bytes = 0;
    for (_, size, path) in files {
        bytes += size;
        if bytes > limit {
            tracing::debug!(path = %path.display(), "removing compiled code that was not used for long");
            // Code in use stays mapped; where that forbids removal, the next time will do.
            let _ = std::fs::remove_file(checksum_of(&path));
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
