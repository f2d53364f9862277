use super::*;

/// A checkout as small as cargo lets it be.
fn checkout() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"sdk\", \"plugins/*\"]\n",
    );
    write(
        "sdk/Cargo.toml",
        "[package]\nname = \"hearken-sdk\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    write("sdk/src/lib.rs", "");
    dir
}

fn sdk_of(checkout: &tempfile::TempDir) -> SdkSource {
    SdkSource::Checkout {
        root: std::fs::canonicalize(checkout.path()).unwrap(),
    }
}

fn manifest(dir: &Path) -> toml::Table {
    std::fs::read_to_string(dir.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn in_the_checkout_the_crate_joins_the_workspace() {
    let checkout = checkout();
    let dir = checkout.path().join("plugins/cart");
    let made = scaffold(&dir, &sdk_of(&checkout)).await.unwrap();

    assert_eq!(made.name, "cart");
    for file in &made.files {
        assert!(dir.join(file).is_file(), "{file}");
    }
    let manifest = manifest(&dir);
    assert!(!manifest.contains_key("workspace"));
    let sdk = &manifest["dependencies"]["hearken-sdk"];
    assert_eq!(sdk["path"].as_str(), Some("../../sdk"));
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    assert!(readme.starts_with("# cart\n"), "{readme}");
}

#[tokio::test]
async fn elsewhere_the_crate_is_a_workspace_of_its_own() {
    let checkout = checkout();
    let elsewhere = tempfile::tempdir().unwrap();
    // A workspace around it that does not take it in, too.
    let beside = checkout.path().join("other/cart");
    for dir in [elsewhere.path().join("cart"), beside] {
        scaffold(&dir, &sdk_of(&checkout)).await.unwrap();
        assert!(manifest(&dir).contains_key("workspace"), "{dir:?}");
        PluginCrate::open(&dir).await.unwrap();
    }
    let published = SdkSource::Published { version: "1.2.3" };
    let dir = elsewhere.path().join("released");
    scaffold(&dir, &published).await.unwrap();
    let sdk = &manifest(&dir)["dependencies"]["hearken-sdk"];
    assert_eq!(sdk.as_str(), Some("1.2.3"));
}

#[tokio::test]
async fn what_exists_is_left_alone_and_a_bad_name_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("cart");
    std::fs::create_dir(&taken).unwrap();
    let sdk = SdkSource::Published { version: "1.2.3" };
    let error = scaffold(&taken, &sdk).await.unwrap_err();
    assert!(matches!(error, ScaffoldError::Exists(_)), "{error:?}");
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 0);

    let bad = dir.path().join("plugins/Cart!");
    let error = scaffold(&bad, &sdk).await.unwrap_err();
    assert!(matches!(error, ScaffoldError::Name { .. }), "{error:?}");
    assert!(!dir.path().join("plugins").exists());
}

#[tokio::test]
async fn this_build_uses_the_sdk_beside_it() {
    let SdkSource::Checkout { root } = SdkSource::of_this_build() else {
        panic!("tests run in a checkout");
    };
    assert!(root.join("sdk/src/lib.rs").is_file());
}
