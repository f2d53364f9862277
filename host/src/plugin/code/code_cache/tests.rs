use wasmtime::Store;
use wasmtime::component::Linker;

use super::*;
use crate::plugin::code::engine::compiling_engine;

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
    let cache = CodeCache::open(folder.path().join("code")).unwrap();
    let engine = compiling_engine().unwrap();
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
    prune(&folder.path().join("code"), 0).unwrap();
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
fn a_flipped_bit_anywhere_is_found() {
    let (_folder, cache, engine, content, compiled) = cache();
    let code = compiled.serialize().unwrap();
    cache.store(&engine, &content, &code).unwrap();
    let cached = cache.file(&engine, &content);
    let checksum = checksum_of(&cached);
    assert!(cache.load(&engine, &content).is_some());
    for (file, step) in [(&cached, code.len() / 50), (&checksum, 7)] {
        let sound = std::fs::read(file).unwrap();
        for at in (0..sound.len()).step_by(step) {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(file, damaged).unwrap();
            assert!(cache.load(&engine, &content).is_none(), "byte {at}");
        }
        std::fs::write(file, &sound).unwrap();
    }
    assert!(cache.load(&engine, &content).is_some());
    std::fs::remove_file(checksum).unwrap();
    assert!(cache.load(&engine, &content).is_none());
}

#[test]
fn code_that_cannot_be_kept_runs_all_the_same() {
    let (_folder, cache, engine, _, compiled) = cache();
    let code = compiled.serialize().unwrap();
    assert!(cache.run(&engine, &code).is_ok());
    assert!(cache.run(&engine, &code[..code.len() / 2]).is_err());
}

#[cfg(unix)]
#[test]
fn the_folder_is_for_the_nodes_user_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data").join("code");
    let mode = || std::fs::metadata(&folder).unwrap().mode() & 0o777;
    let set = |mode| std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode));
    CodeCache::open(folder.clone()).unwrap();
    assert_eq!(mode(), 0o700);
    // As earlier versions made it.
    set(0o755).unwrap();
    CodeCache::open(folder.clone()).unwrap();
    assert_eq!(mode(), 0o700);
    for open in [0o770, 0o702, 0o777] {
        set(open).unwrap();
        let refused = CodeCache::open(folder.clone()).unwrap_err().to_string();
        assert!(refused.contains("can be written by others"), "{refused}");
        assert!(refused.contains("remove it"), "{refused}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_can_put_another_folder_in_its_place() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let open = |mode| {
        std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(mode)).unwrap();
        CodeCache::open(parent.path().join("code"))
    };
    for shared in [0o700, 0o755, 0o775, 0o1777] {
        open(shared).unwrap();
    }
    let refused = open(0o777).unwrap_err().to_string();
    assert!(refused.contains("chmod o-w"), "{refused}");
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
        std::fs::write(checksum_of(&folder.path().join(name)), [0; 64]).unwrap();
    }
    prune(folder.path(), 250).unwrap();
    let left = |name: &str| folder.path().join(name).exists();
    assert_eq!(["old", "middle", "new"].map(left), [false, true, true]);
    let left = ["old.b3", "middle.b3", "new.b3"].map(left);
    assert_eq!(left, [false, true, true]);
}
