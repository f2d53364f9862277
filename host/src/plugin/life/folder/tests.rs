use std::fs::{self, File};
use std::io::Write;

use super::*;
use crate::plugin::code::disk::tests::hang;

/// Longer than anything here takes on the slowest machine.
const LONG: Duration = Duration::from_secs(60);

fn watch(folder: &Path) -> Folder {
    let disk = Disk::start("folder", 2, LONG).unwrap();
    Folder::watch(folder, disk).unwrap()
}

/// The next plugin to look at.
async fn changed(folder: &mut Folder) -> String {
    let changed = tokio::time::timeout(LONG, folder.changed());
    changed.await.expect("the change is seen").plugin
}

/// The plugins that are to be looked at until both of these are.
async fn both(folder: &mut Folder, wanted: [&str; 2]) {
    let mut missing = BTreeSet::from(wanted);
    while !missing.is_empty() {
        let name = changed(folder).await;
        missing.remove(name.as_str());
    }
}

/// Waits until this one is to be looked at.
async fn one(folder: &mut Folder, wanted: &str) {
    while changed(folder).await != wanted {}
}

#[tokio::test]
async fn a_file_is_reported_when_it_is_complete() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = watch(root.path());
    let path = root.path().join("slow.wasm");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    fs::write(root.path().join("other.wasm"), b"whole").unwrap();
    assert_eq!(changed(&mut folder).await, "other");
    file.write_all(b"half").unwrap();
    drop(file);
    assert_eq!(changed(&mut folder).await, "slow");
    fs::rename(&path, root.path().join("renamed.wasm")).unwrap();
    both(&mut folder, ["renamed", "slow"]).await;
    assert_eq!(
        folder
            .plugins()
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        ["other", "renamed"]
    );
}

/// A survey must not look at a file that somebody has open and writes.
#[tokio::test]
async fn a_file_that_is_being_written_is_left_alone_however_long_it_takes() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = watch(root.path());
    let mut file = File::create(root.path().join("slow.wasm")).unwrap();
    file.write_all(b"half").unwrap();
    let early = tokio::time::timeout(SURVEY + QUIET * 2, folder.changed());
    assert!(early.await.is_err(), "it is not closed");
    drop(file);
    assert_eq!(changed(&mut folder).await, "slow");
}

/// Whatever else of the plugin is complete meanwhile.
#[tokio::test]
async fn a_plugin_is_left_alone_while_one_of_its_files_is_being_written() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("shop")).unwrap();
    fs::write(root.path().join("shop/main.js"), "").unwrap();
    let mut folder = watch(root.path());
    folder.plugins().await.unwrap();
    for (slow, others) in [
        ("cart.js", ["cart.toml", "cart.js.map"]),
        ("shop/main.js", ["shop/_prices.js", "shop/more.js"]),
    ] {
        let mut file = File::create(root.path().join(slow)).unwrap();
        file.write_all(b"half").unwrap();
        for other in others {
            fs::write(root.path().join(other), "").unwrap();
        }
        let early = tokio::time::timeout(SURVEY + QUIET * 2, folder.changed());
        assert!(early.await.is_err(), "{slow} is not closed");
        drop(file);
        let plugin = slow.split(['.', '/']).next().unwrap();
        assert_eq!(changed(&mut folder).await, plugin);
    }
    // One that is gone is nobody's concern.
    let mut file = File::create(root.path().join("cart.js")).unwrap();
    file.write_all(b"half").unwrap();
    fs::remove_file(root.path().join("cart.js")).unwrap();
    one(&mut folder, "cart").await;
}

/// A map that is left over, or of another file than the plugin is.
#[tokio::test]
async fn a_map_without_its_text_is_nobody_s() {
    let root = tempfile::tempdir().unwrap();
    for name in [
        "stray.js.map",
        "cart.js.map",
        "cart.ts",
        "shop.js.map",
        "shop.js",
    ] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let mut folder = watch(root.path());
    let plugins = folder.plugins().await.unwrap();
    assert_eq!(plugins.into_iter().collect::<Vec<_>>(), ["cart", "shop"]);
    for name in ["cart", "shop"] {
        let stamps = Stamps::of(&folder.files(name));
        assert_eq!(folder.seen.get(name), Some(&stamps), "{name} has changed");
    }
    let again = Survey::take(root.path()).unwrap();
    assert_eq!(again.plugins, folder.seen, "nothing is looked at again");
}

#[tokio::test]
async fn what_was_looked_at_is_not_looked_at_again() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("old.wasm"), b"old").unwrap();
    let mut folder = watch(root.path());
    folder.plugins().await.unwrap();
    fs::write(root.path().join("new.wasm"), b"new").unwrap();
    assert_eq!(changed(&mut folder).await, "new");
    let again = tokio::time::timeout(SURVEY * 2, folder.changed());
    assert!(again.await.is_err(), "nothing has changed");
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Puts a link in the place of another, as one step.
    fn swap(target: impl AsRef<Path>, link: &Path) {
        let next = link.parent().expect("it has one").join(".next");
        symlink(target, &next).unwrap();
        fs::rename(next, link).unwrap();
    }

    fn revision(root: &Path, name: &str, plugins: &[&str]) {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        for plugin in plugins {
            fs::write(folder.join(format!("{plugin}.wasm")), name).unwrap();
        }
    }

    /// As a kubelet does it: `x.wasm -> ..data/x.wasm`, and `..data` is swapped.
    #[tokio::test]
    async fn a_swapped_revision_is_seen_in_all_its_files() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        revision(root, "..1", &["x", "z"]);
        symlink("..1", root.join("..data")).unwrap();
        for plugin in ["x", "z"] {
            let file = format!("{plugin}.wasm");
            symlink(Path::new("..data").join(&file), root.join(&file)).unwrap();
        }
        let mut folder = watch(root);
        assert_eq!(folder.plugins().await.unwrap().len(), 2);

        revision(root, "..2", &["x", "y"]);
        swap("..2", &root.join("..data"));
        fs::remove_dir_all(root.join("..1")).unwrap();
        symlink("..data/y.wasm", root.join("y.wasm")).unwrap();
        fs::remove_file(root.join("z.wasm")).unwrap();
        let mut missing = BTreeSet::from(["x", "y", "z"]);
        while !missing.is_empty() {
            let name = changed(&mut folder).await;
            missing.remove(name.as_str());
        }
        let read = |plugin| fs::read_to_string(folder.files(plugin).named()).unwrap();
        assert_eq!((read("x"), read("y")), ("..2".to_owned(), "..2".to_owned()));
    }

    #[tokio::test]
    async fn a_target_that_is_replaced_behind_a_link_is_seen() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("built");
        fs::write(&target, "1").unwrap();
        symlink(&target, root.path().join("y.wasm")).unwrap();
        let mut folder = watch(root.path());
        folder.plugins().await.unwrap();
        let next = elsewhere.path().join("next");
        fs::write(&next, "2").unwrap();
        fs::rename(next, &target).unwrap();
        one(&mut folder, "y").await;
        // Written in place, too.
        fs::write(&target, "three").unwrap();
        one(&mut folder, "y").await;
    }

    #[tokio::test]
    async fn a_link_to_the_folder_that_is_swapped_is_followed() {
        let root = tempfile::tempdir().unwrap();
        revision(root.path(), "r1", &["x", "gone"]);
        revision(root.path(), "r2", &["x"]);
        let current = root.path().join("current");
        symlink("r1", &current).unwrap();
        let mut folder = watch(&current);
        folder.plugins().await.unwrap();
        swap("r2", &current);
        both(&mut folder, ["x", "gone"]).await;
        assert_eq!(fs::read(folder.files("x").named()).unwrap(), b"r2");
        // What happens in the new one is seen.
        fs::write(root.path().join("r2/later.wasm"), "").unwrap();
        one(&mut folder, "later").await;
    }
}

#[tokio::test]
async fn another_folder_in_its_place_is_followed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("plugins");
    let other = root.path().join("plugins.new");
    fs::create_dir(&path).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(path.join("a.wasm"), "").unwrap();
    fs::write(other.join("b.wasm"), "").unwrap();
    let mut folder = watch(&path);
    folder.plugins().await.unwrap();
    fs::rename(&path, root.path().join("plugins.old")).unwrap();
    fs::rename(&other, &path).unwrap();
    both(&mut folder, ["a", "b"]).await;
    // What happens in the new one is seen, what happens in the old one is not.
    fs::write(root.path().join("plugins.old/old.wasm"), "").unwrap();
    fs::write(path.join("c.wasm"), "").unwrap();
    assert_eq!(changed(&mut folder).await, "c");
}

#[tokio::test]
async fn a_folder_that_is_made_anew_is_followed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("plugins");
    let mut folder = watch(&path);
    for round in 0..3 {
        fs::remove_dir_all(&path).unwrap();
        if round > 0 {
            // Until it has been seen to be gone.
            let seen = tokio::time::timeout(SURVEY + QUIET, folder.changed());
            assert!(seen.await.is_err(), "nothing is left");
            assert_eq!(folder.watched, None);
        }
        fs::create_dir(&path).unwrap();
        let name = format!("p{round}");
        fs::write(path.join(format!("{name}.wasm")), "").unwrap();
        one(&mut folder, &name).await;
        fs::remove_file(path.join(format!("{name}.wasm"))).unwrap();
        one(&mut folder, &name).await;
    }
}

#[tokio::test]
async fn when_signals_are_lost_every_plugin_is_looked_at() {
    let root = tempfile::tempdir().unwrap();
    for file in ["a.wasm", "b.wasm"] {
        fs::write(root.path().join(file), "").unwrap();
    }
    let mut folder = watch(root.path());
    folder.plugins().await.unwrap();
    folder.told.overflowed.notify_one();
    both(&mut folder, ["a", "b"]).await;
}

#[tokio::test]
async fn it_is_known_whether_there_is_a_component() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = watch(root.path());
    let path = root.path().join("a.wasm");
    for has_artifact in [true, false] {
        if has_artifact {
            fs::write(&path, "").unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let expected = Changed {
            plugin: "a".to_owned(),
            has_artifact,
        };
        let seen = async { while folder.changed().await != expected {} };
        let seen = tokio::time::timeout(LONG, seen).await;
        seen.expect("the change is seen");
    }
}

/// Whoever looks at the plugin then says why it cannot be loaded.
#[tokio::test]
async fn a_plugin_is_told_although_its_files_do_not_answer() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::start("folder", 1, Duration::from_millis(10)).unwrap();
    let hung = hang(&disk, root.path()).await;
    let mut folder = Folder::watch(root.path(), disk).unwrap();
    fs::write(root.path().join("a.wasm"), "").unwrap();
    assert_eq!(changed(&mut folder).await, "a");
    // Nor does the folder as a whole.
    let error = folder.plugins().await.unwrap_err().to_string();
    assert!(error.contains("did not answer within 10ms"), "{error}");
    drop(hung);
}

#[tokio::test]
async fn a_shared_text_has_all_texts_looked_at_and_no_component() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a.wasm", "b.js", "c.ts", "d.d.ts"] {
        fs::write(root.path().join(name), "").unwrap();
    }
    let mut folder = watch(root.path());
    let found = folder.plugins().await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    fs::write(root.path().join("_shared.ts"), "").unwrap();
    let mut looked_at = [changed(&mut folder).await, changed(&mut folder).await];
    looked_at.sort();
    assert_eq!(looked_at, ["b", "c"]);
    let again = tokio::time::timeout(SURVEY * 2, folder.changed());
    assert!(again.await.is_err(), "nothing else has changed");
}

#[tokio::test]
async fn a_folder_is_a_plugin_once_it_has_a_main_file() {
    let root = tempfile::tempdir().unwrap();
    let shop = root.path().join("shop");
    fs::create_dir(&shop).unwrap();
    fs::write(shop.join("prices.js"), "").unwrap();
    let mut folder = watch(root.path());
    assert!(folder.plugins().await.unwrap().is_empty());
    let main = shop.join("main.js");
    fs::write(&main, "").unwrap();
    one(&mut folder, "shop").await;
    assert_eq!(folder.files("shop").artifact(), Ok(main.as_path()));
    fs::write(shop.join("prices.js"), "changed").unwrap();
    one(&mut folder, "shop").await;
    fs::remove_dir_all(&shop).unwrap();
    let gone = Changed {
        plugin: "shop".to_owned(),
        has_artifact: false,
    };
    let seen = async { while folder.changed().await != gone {} };
    let seen = tokio::time::timeout(LONG, seen).await;
    seen.expect("its end is seen");
}
