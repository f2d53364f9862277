//! Which channels the other nodes have, kept in a file of the data folder: a node that is
//! started while another is away knows what that one has, and makes no second channel of its
//! names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::config::ChannelsSettings;
use crate::passing::{Elsewhere, Foreknown, Known, MAX_NAMES, changed};

/// Where it is kept, in the data folder.
const FILE: &str = "channels-elsewhere.json";

/// Largest file that is read, in bytes: more than so many of the longest names take.
const MAX_BYTES: u64 = 80 << 20;

/// Before what has changed is written, so that several changes are written together.
const GATHER: Duration = Duration::from_secs(1);

/// After which time it is written in any case, since it says when nodes were linked last.
const WRITE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// All that is known, by the nodes' names.
type All = BTreeMap<Arc<str>, Known>;

/// A node as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Row<T: Ord> {
    /// When it was linked last, in milliseconds since the Unix epoch.
    linked: u64,
    /// The names of its channels, and the epochs.
    channels: BTreeMap<T, T>,
}

/// What the node named `own` knows of the others' channels before it has met any. A file that
/// cannot be read is logged and keeps no node from starting.
pub(super) fn foreknown(data: &Path, settings: &ChannelsSettings, own: &str) -> Foreknown {
    let file = data.join(FILE);
    let mut known = load(&file).unwrap_or_else(|error| {
        tracing::warn!(
            file = %file.display(), %error,
            "cannot tell which channels other nodes had; those of nodes that are away are not known"
        );
        All::new()
    });
    // The data are of a node that was called otherwise: what its namesake had then is not
    // this one's, and nobody waits for this one to come back.
    known.remove(own);
    let declared = settings.declared.iter().filter_map(|(name, channel)| {
        let node = channel.settings.node.as_deref()?;
        (node != own).then(|| (name.as_str().into(), node.into()))
    });
    Foreknown {
        known,
        declared: declared.collect(),
    }
}

/// Keeps what is known for as long as it is polled, with what is said from this call on.
/// `kept` is what the file has.
pub(super) fn keep(
    data: PathBuf,
    elsewhere: Arc<dyn Elsewhere>,
    kept: All,
) -> impl Future<Output = ()> + Send {
    let renames = elsewhere.renames();
    keep_on(data, elsewhere, renames, kept)
}

async fn keep_on(
    data: PathBuf,
    elsewhere: Arc<dyn Elsewhere>,
    mut renames: watch::Receiver<u64>,
    kept: All,
) {
    let mut kept = Arc::new(kept);
    let mut fails = false;
    loop {
        tokio::select! {
            () = changed(&mut renames) => sleep(GATHER).await,
            () = sleep(WRITE_INTERVAL) => {}
        }
        renames.borrow_and_update();
        let known = Arc::new(elsewhere.known());
        if known == kept {
            continue;
        }
        match write_on_a_thread(data.clone(), Arc::clone(&known)).await {
            Ok(()) => {
                kept = known;
                fails = false;
            }
            Err(error) if !fails => {
                tracing::warn!(%error, "cannot keep which channels other nodes have");
                fails = true;
            }
            Err(_) => {}
        }
    }
}

fn load(file: &Path) -> io::Result<All> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(All::new()),
        opened => opened?,
    };
    let mut text = Vec::new();
    opened.take(MAX_BYTES).read_to_end(&mut text)?;
    let rows: BTreeMap<String, Row<String>> = serde_json::from_slice(&text)?;
    let rows = rows.into_iter().map(|(node, row)| {
        let channels = row.channels.into_iter();
        let held = channels.map(|(name, epoch)| (name.into(), epoch.into()));
        let known = Known {
            held: held.collect(),
            linked: row.linked,
        };
        (node.into(), known)
    });
    Ok(rows.collect())
}

/// On a thread of its own: a disk that hangs keeps no node from ending, as a thread of the
/// runtime would.
async fn write_on_a_thread(data: PathBuf, known: Arc<All>) -> io::Result<()> {
    let (done, is_done) = oneshot::channel();
    // Nobody may wait any more.
    let work = move || drop(done.send(write(&data, &known)));
    let thread = std::thread::Builder::new().name("channels-elsewhere".to_owned());
    thread.spawn(work)?;
    let written = is_done.await;
    written.unwrap_or_else(|_| Err(io::Error::other("the thread has panicked")))
}

/// Written beside and renamed, so that a crash leaves the old file or the new one.
fn write(data: &Path, known: &All) -> io::Result<()> {
    fs::create_dir_all(data)?;
    let mut left = MAX_NAMES;
    let rows = known.iter().map(|(node, known)| {
        let held = known.held.iter().take(left);
        let channels: BTreeMap<&str, &str> =
            held.map(|(name, epoch)| (&**name, &**epoch)).collect();
        left -= channels.len();
        let linked = known.linked;
        (&**node, Row { linked, channels })
    });
    let rows: BTreeMap<&str, Row<&str>> = rows.collect();
    let mut new = tempfile::NamedTempFile::new_in(data)?;
    new.write_all(&serde_json::to_vec(&rows)?)?;
    new.as_file().sync_all()?;
    new.persist(data.join(FILE))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hearken_channel_log::ChannelName;

    use super::*;
    use crate::channel::ChannelSettings;
    use crate::config::DeclaredChannel;
    use crate::node::test_support::Counting;

    fn known(names: &[&str], linked: u64) -> Known {
        let names = names.iter();
        let held = names.map(|name| ((*name).into(), "e1".into()));
        Known {
            held: held.collect(),
            linked,
        }
    }

    fn all() -> All {
        All::from([
            ("a".into(), known(&["orders", "paid"], 7)),
            ("b".into(), known(&["x/y:z"], 8)),
        ])
    }

    #[test]
    fn what_is_written_is_known_after_a_start() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("made");
        let mut settings = ChannelsSettings::default();
        let none = foreknown(&folder, &settings, "c");
        assert_eq!(none, Foreknown::default());
        write(&folder, &all()).unwrap();
        for (name, node) in [("mine", Some("c")), ("theirs", Some("d")), ("any", None)] {
            let declared = DeclaredChannel {
                place: String::new(),
                settings: ChannelSettings {
                    node: node.map(str::to_owned),
                    ..ChannelSettings::default()
                },
            };
            let name = ChannelName::new(name).unwrap();
            settings.declared.insert(name, declared);
        }
        let expected = Foreknown {
            known: all(),
            declared: [("theirs".into(), "d".into())].into(),
        };
        assert_eq!(foreknown(&folder, &settings, "c"), expected);
        let renamed = foreknown(&folder, &settings, "a").known;
        assert_eq!(
            renamed.keys().map(|name| &**name).collect::<Vec<_>>(),
            ["b"]
        );
        fs::write(folder.join(FILE), "nonsense").unwrap();
        assert_eq!(foreknown(&folder, &settings, "c").known, All::new());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_before_the_first_poll_is_not_missed() {
        let data = tempfile::tempdir().unwrap();
        for is_said in [false, true] {
            let others = Arc::new(Counting::default());
            let elsewhere: Arc<dyn Elsewhere> = others.clone();
            let kept = keep(data.path().to_owned(), elsewhere, All::new());
            if is_said {
                others.rename();
            }
            let kept = tokio::spawn(kept);
            sleep(2 * GATHER).await;
            assert_eq!(others.asked(), usize::from(is_said));
            kept.abort();
        }
    }

    #[test]
    fn so_many_names_are_kept_and_no_more() {
        let data = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..MAX_NAMES).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let many = All::from([
            ("a".into(), known(&names, 1)),
            ("b".into(), known(&["over"], 1)),
        ]);
        write(data.path(), &many).unwrap();
        let loaded = load(&data.path().join(FILE)).unwrap();
        assert_eq!(loaded["a"].held.len(), MAX_NAMES);
        assert_eq!(loaded["b"].held.len(), 0);
    }
}
