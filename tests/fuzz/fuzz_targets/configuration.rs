//! An arbitrary `hearken.toml`: it is refused with a text that names a place, or is a
//! configuration whose values hold together. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none configuration`.

#![no_main]

use std::cell::OnceCell;
use std::fs;

use hearken::config::{NodeConfig, NodeFlags};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|text: &str| {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("hearken.toml");
        fs::write(&file, text).expect("the file is written");
        let mut flags = NodeFlags::default();
        flags.config = Some(file);
        match NodeConfig::from_sources(&flags, [], folder.path()) {
            Ok(config) => {
                assert!(config.limits.mailbox_bytes >= config.max_event_size);
                let is_here = config.listen.ip().is_loopback();
                assert!(is_here || config.allow_unauthenticated);
                let http = &config.http;
                assert!(is_here || http.tls.is_some() || http.allow_plaintext);
                let cluster = &config.cluster;
                let secured = cluster.tls.is_some() || cluster.allow_plaintext;
                assert!(cluster.listen.ip().is_loopback() || secured);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
});
