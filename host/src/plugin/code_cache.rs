//! Compiled code on disk, so that a component is compiled once.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
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
pub(super) struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// The cache in `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Where the code of a component is kept.
    pub(super) fn file(&self, engine: &Engine, content: &blake3::Hash) -> PathBuf {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let name = format!("{}-{:016x}.cwasm", content.to_hex(), settings.finish());
        self.folder.join(name)
    }

    /// The code of a component, if it is there and usable.
    pub(super) fn load(&self, engine: &Engine, content: &blake3::Hash) -> Option<Component> {
        let cached = self.file(engine, content);
        if !cached.exists() {
            return None;
        }
        // Used last: others make room first. A cache that is read-only still works.
        if let Ok(file) = File::options().write(true).open(&cached) {
            let now = Duration::from_millis(SystemClock.now_millis());
            let _ = file.set_modified(SystemTime::UNIX_EPOCH + now);
        }
        // SAFETY: the file holds what `Component::serialize` gave: `store` writes it
        // to the disk under a temporary name and renames it when it is complete,
        // nobody else writes into the node's data folder, and wasmtime itself refuses
        // code of another version or with other settings. Mapping the file is what
        // makes a start from the cache take 0.1 ms instead of the 40 ms of compiling.
        #[expect(unsafe_code, reason = "see the SAFETY comment")]
        let loaded = unsafe { Component::deserialize_file(engine, &cached) };
        loaded
            .inspect_err(|error| {
                tracing::warn!(%error, path = %cached.display(), "compiling again: cached code is unusable");
            })
            .ok()
    }

    /// Keeps the code of a component, and drops what was used longest ago when
    /// that makes too much.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn store(
        &self,
        engine: &Engine,
        content: &blake3::Hash,
        code: &[u8],
    ) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        // Or a crash of the system could leave a file of this name with holes.
        file.as_file().sync_all()?;
        file.persist(self.file(engine, content))?;
        prune(&self.folder, MAX_CACHE_BYTES)
    }
}

/// Removes the files used longest ago until the rest has at most `limit` bytes.
fn prune(folder: &Path, limit: u64) -> std::io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
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
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmtime::Store;
    use wasmtime::component::Linker;

    use super::*;
    use crate::plugin::engine::new_engine;

    /// Adds up what it is told, as its memory keeps it.
    const SUM: &str = "(component
        (core module $sum (memory 1)
            (func (export \"add\") (param i32) (result i32)
                (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
                (i32.load (i32.const 8))))
        (core instance $sum (instantiate $sum))
        (func (export \"add\") (param \"number\" u32) (result u32)
            (canon lift (core func $sum \"add\"))))";

    /// An empty cache, and what may be kept in it.
    fn cache() -> (
        tempfile::TempDir,
        CodeCache,
        Engine,
        blake3::Hash,
        Component,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(folder.path().to_owned()).unwrap();
        let engine = new_engine().unwrap();
        let compiled = Component::new(&engine, wat::parse_str(SUM).unwrap()).unwrap();
        (
            folder,
            cache,
            engine,
            blake3::hash(SUM.as_bytes()),
            compiled,
        )
    }

    /// `.ci/run` runs this under memcheck too, for what is `unsafe` above.
    #[test]
    fn code_that_was_kept_runs_as_it_was_compiled() {
        let (folder, cache, engine, content, compiled) = cache();
        assert!(cache.load(&engine, &content).is_none());
        cache
            .store(&engine, &content, &compiled.serialize().unwrap())
            .unwrap();
        let loaded = cache.load(&engine, &content).expect("it was kept");
        // Code stays mapped when its file makes room for others.
        prune(folder.path(), 0).unwrap();
        let sums = |component: &Component| {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(u64::from(u32::MAX));
            let instance = Linker::new(&engine).instantiate(&mut store, component);
            let add = instance
                .and_then(|instance| instance.get_typed_func::<(u32,), (u32,)>(&mut store, "add"))
                .unwrap();
            [1, 20, 300].map(|number| add.call(&mut store, (number,)).unwrap().0)
        };
        assert_eq!(sums(&loaded), [1, 21, 321]);
        assert_eq!(sums(&loaded), sums(&compiled));
    }

    #[test]
    fn a_damaged_file_is_compiled_again() {
        let (_folder, cache, engine, content, compiled) = cache();
        let code = compiled.serialize().unwrap();
        for damaged in [&code[..0], &code[..10], &code[..code.len() / 2], &[7; 4096]] {
            cache.store(&engine, &content, damaged).unwrap();
            assert!(
                cache.load(&engine, &content).is_none(),
                "{} bytes",
                damaged.len()
            );
        }
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        for (name, used) in [("old", 10), ("new", 30), ("middle", 20)] {
            let path = folder.path().join(name);
            std::fs::write(&path, [0; 100]).unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(used);
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(used).unwrap();
        }
        prune(folder.path(), 250).unwrap();
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(["old", "middle", "new"].map(left), [false, true, true]);
    }
}
