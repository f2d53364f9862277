//! The secrets of a version of a plugin.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::redaction::Redaction;
use super::source::{Source, Stamp};
use super::value::SecretValue;
use crate::config::GrantedSecret;
use crate::plugin::code::disk::Disk;

/// Between two looks at a file.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The secrets that a plugin may have, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    secrets: BTreeMap<String, Arc<Secret>>,
}

#[derive(Debug)]
struct Secret {
    key: String,
    plugin: Arc<str>,
    source: Source,
    redaction: Arc<Redaction>,
    disk: Disk,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    value: SecretValue,
    stamp: Option<Stamp>,
    looked: Instant,
    /// Why it could not be read again, as was last told.
    told: Option<String>,
}

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the secret `{key}`: {reason}")]
pub(crate) struct SecretError {
    key: String,
    reason: String,
    /// Whether it is worth another look.
    pub(crate) may_come: bool,
}

impl Vault {
    /// Reads all secrets; paths of files start at `folder`. Blocks on the disk.
    pub(crate) fn open(
        secrets: &BTreeMap<String, GrantedSecret>,
        folder: &Path,
        plugin: &Arc<str>,
        redaction: &Arc<Redaction>,
        disk: &Disk,
    ) -> Result<Self, SecretError> {
        let open = |(key, granted): (&String, &GrantedSecret)| {
            let source = Source::of(granted, folder);
            // Before it is read: what changes meanwhile is read again.
            let stamp = source.stamp();
            let value = source.read().map_err(|error| SecretError {
                key: key.clone(),
                reason: error.to_string(),
                may_come: source.may_come(),
            })?;
            let value = redaction.add(value);
            let secret = Secret {
                key: key.clone(),
                plugin: Arc::clone(plugin),
                source,
                redaction: Arc::clone(redaction),
                disk: disk.clone(),
                current: Mutex::new(Current {
                    value,
                    stamp,
                    looked: Instant::now(),
                    told: None,
                }),
            };
            Ok((key.clone(), Arc::new(secret)))
        };
        let secrets = secrets.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { secrets })
    }

    /// The secret as it is now, or was a moment ago; `None` if there is none of that key.
    pub(crate) async fn get(&self, key: &str) -> Option<SecretValue> {
        let secret = self.secrets.get(key)?;
        if secret.is_due() {
            let looking = Arc::clone(secret);
            // If it panics or the node ends, what was read before stands.
            let _ = secret.disk.run(move || looking.look()).await;
        }
        Some(secret.current().value.clone())
    }
}

impl Secret {
    /// Whether it is time for a look, which then is this caller's.
    fn is_due(&self) -> bool {
        if !self.source.may_come() {
            return false;
        }
        let mut current = self.current();
        let now = Instant::now();
        let is_due = now.duration_since(current.looked) >= BETWEEN_LOOKS;
        if is_due {
            current.looked = now;
        }
        is_due
    }

    /// Reads it again if it has changed. What cannot be read stays as it was. Blocks on
    /// the disk.
    fn look(&self) {
        let stamp = self.source.stamp();
        if stamp.is_some() && stamp == self.current().stamp {
            return;
        }
        match self.source.read() {
            Ok(value) => {
                let value = self.redaction.add(value);
                let mut current = self.current();
                current.value = value;
                current.stamp = stamp;
                current.told = None;
            }
            Err(error) => {
                let reason = error.to_string();
                let mut current = self.current();
                if current.told.as_ref() != Some(&reason) {
                    let (plugin, key) = (&*self.plugin, &*self.key);
                    tracing::warn!(plugin, key, "a secret stays as it was: {reason}");
                    current.told = Some(reason);
                }
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Plain assignments in here; nothing panics half-way.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    fn open(folder: &Path, sources: &[(&str, SecretSource)]) -> Result<Vault, SecretError> {
        open_within(folder, sources, None)
    }

    fn open_within(
        folder: &Path,
        sources: &[(&str, SecretSource)],
        within: Option<&Path>,
    ) -> Result<Vault, SecretError> {
        let granted = |source: &SecretSource| GrantedSecret {
            source: source.clone(),
            within: within.map(Path::to_owned),
        };
        let secrets = sources.iter();
        let secrets = secrets
            .map(|(key, source)| ((*key).to_owned(), granted(source)))
            .collect();
        Vault::open(
            &secrets,
            folder,
            &"p".into(),
            &Arc::default(),
            &Disk::start().unwrap(),
        )
    }

    fn file(name: &str) -> SecretSource {
        SecretSource::File(name.into())
    }

    async fn text(vault: &Vault, key: &str) -> String {
        let value = vault.get(key).await.expect("there is one");
        value.text().expect("text").to_owned()
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let vault = open(folder.path(), &[("token", file("token"))]).unwrap();
        assert_eq!(text(&vault, "token").await, "first");
        assert!(vault.get("other").await.is_none());
        tokio::time::pause();
        std::fs::write(folder.path().join("new"), "second").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(
            text(&vault, "token").await,
            "first",
            "it is no time to look"
        );
        tokio::time::advance(BETWEEN_LOOKS).await;
        assert_eq!(text(&vault, "token").await, "second");
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(BETWEEN_LOOKS).await;
        assert_eq!(text(&vault, "token").await, "second", "it stays as it was");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for revision in ["one", "two"] {
            std::fs::create_dir(at(revision)).unwrap();
            std::fs::write(at(revision).join("token"), revision).unwrap();
        }
        std::os::unix::fs::symlink("one", at("..data")).unwrap();
        let vault = open(folder.path(), &[("token", file("..data/token"))]).unwrap();
        assert_eq!(text(&vault, "token").await, "one");
        tokio::time::pause();
        std::os::unix::fs::symlink("two", at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        tokio::time::advance(BETWEEN_LOOKS).await;
        assert_eq!(text(&vault, "token").await, "two");
    }

    #[test]
    fn what_cannot_be_read_says_where_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path(), &[("token", file("nowhere"))]).unwrap_err();
        assert!(error.may_come);
        let text = error.to_string();
        assert!(
            text.contains("`token`") && text.contains("nowhere"),
            "{text}"
        );
        let variable = SecretSource::Variable("HEARKEN_TESTS_HAVE_NO_SUCH".into());
        let error = open(folder.path(), &[("token", variable)]).unwrap_err();
        assert!(!error.may_come);
        assert!(
            error.to_string().contains("HEARKEN_TESTS_HAVE_NO_SUCH"),
            "{error}"
        );
        std::fs::write(folder.path().join("large"), vec![b'x'; (64 << 10) + 1]).unwrap();
        let error = open(folder.path(), &[("token", file("large"))]).unwrap_err();
        assert!(
            error.to_string().contains("more than 65536 bytes"),
            "{error}"
        );
        let error = open(folder.path(), &[("token", file("."))]).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = open(folder.path(), &[("token", file("pipe"))]).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn no_link_leads_out_of_the_folder_that_is_granted() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let granted = folder.path().join("granted");
        std::fs::create_dir_all(granted.join("2026")).unwrap();
        std::fs::write(granted.join("2026/token"), "within").unwrap();
        std::fs::write(folder.path().join("other"), "outside").unwrap();
        symlink("2026", granted.join("..data")).unwrap();
        symlink("..data/token", granted.join("token")).unwrap();
        symlink("../other", granted.join("escape")).unwrap();
        let open = |name: &str| {
            let source = SecretSource::File(granted.join(name));
            open_within(folder.path(), &[("s", source)], Some(&granted))
        };
        let vault = open("token").unwrap();
        assert_eq!(text(&vault, "s").await, "within");
        let error = open("escape").unwrap_err().to_string();
        assert!(
            error.contains("leads out of") && !error.contains("outside"),
            "{error}"
        );
        // Nor does one that is put there later.
        tokio::time::pause();
        symlink("../other", granted.join("later")).unwrap();
        std::fs::rename(granted.join("later"), granted.join("token")).unwrap();
        tokio::time::advance(BETWEEN_LOOKS).await;
        assert_eq!(text(&vault, "s").await, "within");
    }
}
