//! The secrets of a version of a plugin.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::redaction::Redaction;
use super::source::Source;
use super::value::SecretValue;
use crate::config::GrantedSecret;
use crate::plugin::code::disk::Disk;
use crate::plugin::code::stamp::Stamp;

/// Between two looks at a file.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How long a guest waits for a look. What was read before stands if there is no answer by
/// then: it is of more use than an event that fails because a disk is slow.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Before the next look at a file that did not answer: so many of its guests' calls wait for
/// nothing.
const AFTER_SILENCE: Duration = Duration::from_secs(20);

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
    next_look: Instant,
    /// Whether somebody looks, or still waits for an answer.
    looking: bool,
    /// Why it could not be read again, as was last told.
    told: Option<String>,
}

/// A look at a secret's file. There is one at a time, however long it takes.
struct Look(Arc<Secret>);

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
    /// Reads all secrets; paths of files start at `folder`. Without one each has a stand-in.
    ///
    /// # Errors
    /// [`SecretError`] names the first that cannot be read, or whose file does not answer.
    pub(crate) async fn open(
        granted: &BTreeMap<String, GrantedSecret>,
        folder: Option<&Path>,
        plugin: &Arc<str>,
        redaction: &Arc<Redaction>,
        disk: &Disk,
    ) -> Result<Self, SecretError> {
        let mut secrets = BTreeMap::new();
        for (key, secret) in granted {
            let source = Source::of(key, secret, folder);
            let read = read_first(&source, disk).await;
            let (stamp, value) = read.map_err(|error| SecretError {
                key: key.clone(),
                reason: error.to_string(),
                may_come: source.file().is_some(),
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
                    next_look: Instant::now() + BETWEEN_LOOKS,
                    looking: false,
                    told: None,
                }),
            };
            secrets.insert(key.clone(), Arc::new(secret));
        }
        Ok(Self { secrets })
    }

    /// The secret as it is now, or was a moment ago; `None` if there is none of that key.
    pub(crate) async fn get(&self, key: &str) -> Option<SecretValue> {
        let secret = self.secrets.get(key)?;
        if let Some(file) = secret.source.file()
            && let Some(look) = secret.look_if_due()
        {
            let looking = secret.disk.run(file, move || look.carry_out());
            match timeout(LOOK_WITHIN, looking).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => secret.did_not_answer(error.to_string()),
                Err(_) => secret.did_not_answer(format!(
                    "{} did not answer within {LOOK_WITHIN:?}",
                    file.display()
                )),
            }
        }
        Some(secret.current().value.clone())
    }
}

/// What a secret is, and how it looked before it was read: what changes meanwhile is read
/// again.
async fn read_first(source: &Source, disk: &Disk) -> io::Result<(Option<Stamp>, SecretValue)> {
    let Some(file) = source.file() else {
        return Ok((None, source.read()?));
    };
    let reading = source.clone();
    let read = move || -> io::Result<_> {
        let stamp = reading.stamp();
        Ok((stamp, reading.read()?))
    };
    let read = disk.run(file, read).await;
    read.unwrap_or_else(|error| Err(io::Error::other(error)))
}

impl Look {
    /// Blocks on the disk.
    fn carry_out(self) {
        self.0.look();
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.0.current().looking = false;
    }
}

impl Secret {
    /// A look, if it is time for one; it then is this caller's.
    fn look_if_due(self: &Arc<Self>) -> Option<Look> {
        let mut current = self.current();
        let now = Instant::now();
        if current.looking || now < current.next_look {
            return None;
        }
        current.looking = true;
        current.next_look = now + BETWEEN_LOOKS;
        Some(Look(Arc::clone(self)))
    }

    /// A look has come to nothing.
    fn did_not_answer(&self, reason: String) {
        self.current().next_look = Instant::now() + AFTER_SILENCE;
        self.stays(reason);
    }

    /// Tells, once, why it cannot be read again.
    fn stays(&self, reason: String) {
        let mut current = self.current();
        if current.told.as_ref() != Some(&reason) {
            let (plugin, key) = (&*self.plugin, &*self.key);
            tracing::warn!(plugin, key, "a secret stays as it was: {reason}");
            current.told = Some(reason);
        }
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
            Err(error) => self.stays(error.to_string()),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Plain assignments in here; nothing panics half-way.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::SecretSource;
    use crate::plugin::code::disk::tests::hang;

    async fn open(folder: &Path, key: &str, source: SecretSource) -> Result<Vault, SecretError> {
        open_within(folder, key, source, None).await
    }

    async fn open_within(
        folder: &Path,
        key: &str,
        source: SecretSource,
        within: Option<PathBuf>,
    ) -> Result<Vault, SecretError> {
        let secrets = BTreeMap::from([(key.to_owned(), GrantedSecret { source, within })]);
        let disk = Disk::start("secret", 1, Duration::from_secs(60)).unwrap();
        Vault::open(&secrets, Some(folder), &"p".into(), &Arc::default(), &disk).await
    }

    /// The next call looks at the file again.
    fn is_due(vault: &Vault, key: &str) {
        vault.secrets[key].current().next_look = Instant::now();
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
        let vault = open(folder.path(), "token", file("token")).await.unwrap();
        assert_eq!(text(&vault, "token").await, "first");
        assert!(vault.get("other").await.is_none());
        std::fs::write(folder.path().join("new"), "second").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        vault.secrets["token"].current().next_look = Instant::now() + Duration::from_secs(60);
        assert_eq!(
            text(&vault, "token").await,
            "first",
            "it is no time to look"
        );
        is_due(&vault, "token");
        assert_eq!(text(&vault, "token").await, "second");
        std::fs::remove_file(&path).unwrap();
        is_due(&vault, "token");
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
        let vault = open(folder.path(), "token", file("..data/token"))
            .await
            .unwrap();
        assert_eq!(text(&vault, "token").await, "one");
        std::os::unix::fs::symlink("two", at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        is_due(&vault, "token");
        assert_eq!(text(&vault, "token").await, "two");
    }

    /// Its thread waits for a mount whose server is away.
    #[tokio::test]
    async fn a_file_that_does_not_answer_leaves_the_secret_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let vault = open(folder.path(), "token", file("token")).await.unwrap();
        std::fs::write(&path, "changed").unwrap();
        let hung = hang(&vault.secrets["token"].disk, &path).await;
        tokio::time::pause();
        is_due(&vault, "token");
        let asked = Instant::now();
        assert_eq!(text(&vault, "token").await, "first");
        assert!((LOOK_WITHIN..LOOK_WITHIN * 2).contains(&asked.elapsed()));
        let told = vault.secrets["token"].current().told.clone();
        let told = told.expect("it is told");
        assert!(told.contains("token did not answer within 2s"), "{told}");
        // The next ones do not wait.
        let asked = Instant::now();
        assert_eq!(text(&vault, "token").await, "first");
        assert_eq!(asked.elapsed(), Duration::ZERO);
        // Threads do not wait by that clock.
        tokio::time::resume();
        drop(hung);
        let answered = async {
            while text(&vault, "token").await != "changed" {
                is_due(&vault, "token");
            }
        };
        let answered = timeout(Duration::from_secs(60), answered).await;
        answered.expect("it is read once there is an answer");
    }

    #[tokio::test]
    async fn one_look_at_a_time_waits_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "first").unwrap();
        let vault = open(folder.path(), "token", file("token")).await.unwrap();
        let secret = &vault.secrets["token"];
        is_due(&vault, "token");
        let look = secret.look_if_due().expect("it is due");
        is_due(&vault, "token");
        assert!(secret.look_if_due().is_none());
        drop(look);
        assert!(secret.look_if_due().is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_read_says_where_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path(), "token", file("nowhere")).await;
        let error = error.unwrap_err();
        assert!(error.may_come);
        let text = error.to_string();
        assert!(
            text.contains("`token`") && text.contains("nowhere"),
            "{text}"
        );
        let variable = SecretSource::Variable("HEARKEN_TESTS_HAVE_NO_SUCH".into());
        let error = open(folder.path(), "token", variable).await;
        let error = error.unwrap_err();
        assert!(!error.may_come);
        assert!(
            error.to_string().contains("HEARKEN_TESTS_HAVE_NO_SUCH"),
            "{error}"
        );
        std::fs::write(folder.path().join("large"), vec![b'x'; (64 << 10) + 1]).unwrap();
        let error = open(folder.path(), "token", file("large")).await;
        let error = error.unwrap_err();
        assert!(
            error.to_string().contains("more than 65536 bytes"),
            "{error}"
        );
        let error = open(folder.path(), "token", file(".")).await;
        let error = error.unwrap_err();
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
            open_within(folder.path(), "s", source, Some(granted.clone()))
        };
        let vault = open("token").await.unwrap();
        assert_eq!(text(&vault, "s").await, "within");
        let error = open("escape").await.unwrap_err().to_string();
        assert!(
            error.contains("leads out of") && !error.contains("outside"),
            "{error}"
        );
        // Nor does one that is put there later.
        symlink("../other", granted.join("later")).unwrap();
        std::fs::rename(granted.join("later"), granted.join("token")).unwrap();
        is_due(&vault, "s");
        assert_eq!(text(&vault, "s").await, "within");
    }
}
