//! Files that change while a node runs.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Bounds a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// The node, running; and how many times it has taken new certificates.
struct Running {
    task: tokio::task::JoinHandle<()>,
    reloads: watch::Receiver<u64>,
}

impl Running {
    fn start(tls: &Tls) -> Self {
        Self {
            reloads: tls.reloads(),
            task: tokio::spawn(tls.clone().run()),
        }
    }

    async fn reloaded(&mut self) {
        timeout(DEADLINE, self.reloads.changed())
            .await
            .expect("new files are noticed")
            .expect("the node runs");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether the two trust each other.
async fn trust(dialler: &Tls, acceptor: &Tls) -> bool {
    let (near, far) = link(dialler, acceptor).await;
    near.is_ok() && far.is_ok()
}

#[tokio::test]
async fn new_connections_use_new_files() {
    let (old, new) = (Ca::new(), Ca::new());
    let (a, b, c) = (old.node("a"), old.node("b"), new.node("c"));
    assert!(!a.tls.reload().unwrap());
    assert!(trust(&b.tls, &a.tls).await);
    assert!(!trust(&c.tls, &a.tls).await);

    write(a.folder.path(), &new.certificate, &new.certify("a"));
    assert!(a.tls.reload().unwrap());
    assert_eq!(*a.tls.reloads().borrow(), 1);
    assert!(!trust(&b.tls, &a.tls).await);
    assert!(trust(&c.tls, &a.tls).await);
    assert!(trust(&a.tls, &c.tls).await);
    assert!(!a.tls.reload().unwrap());
}

#[tokio::test]
async fn broken_new_files_leave_the_old_in_use() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("b"));
    fs::write(a.path("tls.crt"), ca.certify("a").certificate).unwrap();
    assert_says(
        &a.tls.reload().unwrap_err(),
        "does not belong to the certificate",
    );
    assert!(trust(&a.tls, &b.tls).await);
    fs::remove_file(a.path("tls.crt")).unwrap();
    assert_says(&a.tls.reload().unwrap_err(), "cannot read");
    assert!(trust(&b.tls, &a.tls).await);
    assert_eq!(*a.tls.reloads().borrow(), 0);
}

#[tokio::test]
async fn files_that_are_moved_into_place_are_noticed() {
    let (old, new) = (Ca::new(), Ca::new());
    let (a, c) = (old.node("a"), new.node("c"));
    let mut running = Running::start(&a.tls);
    let staged = tempfile::tempdir_in(a.folder.path()).unwrap();
    write(staged.path(), &new.certificate, &new.certify("a"));
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        fs::rename(staged.path().join(file), a.path(file)).unwrap();
    }
    running.reloaded().await;
    assert!(trust(&a.tls, &c.tls).await);

    // And once more, with a set in between that does not fit.
    let again = new.certify("a");
    fs::write(a.path("tls.crt"), &again.certificate).unwrap();
    a.tls.reload().unwrap_err();
    fs::write(a.path("tls.key"), &again.key).unwrap();
    running.reloaded().await;
    assert!(trust(&c.tls, &a.tls).await);
}

/// Kubernetes keeps the files of a Secret in a folder behind the link `..data`, which
/// it replaces.
#[cfg(unix)]
#[tokio::test]
async fn a_secret_that_is_replaced_is_noticed() {
    use std::os::unix::fs::symlink;

    let (old, new) = (Ca::new(), Ca::new());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("..1")).unwrap();
    write(&at("..1"), &old.certificate, &old.certify("a"));
    symlink("..1", at("..data")).unwrap();
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), at(file)).unwrap();
    }
    let tls = load(folder.path(), "a", Arc::default()).unwrap();
    let mut running = Running::start(&tls);

    fs::create_dir(at("..2")).unwrap();
    write(&at("..2"), &new.certificate, &new.certify("a"));
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    running.reloaded().await;
    assert!(trust(&tls, &new.node("c").tls).await);
}

#[test]
fn a_certificate_in_use_is_looked_at_as_time_passes() {
    let a = Ca::new().node("a");
    a.tls.reload_and_check().unwrap();
    a.clock.advance(89 * DAY);
    a.tls.reload_and_check().unwrap();
    a.clock.advance(2 * DAY);
    assert_says(
        &a.tls.reload_and_check().unwrap_err(),
        "expires at 2027-04-25T08:00:00Z",
    );
    a.clock.advance(10 * DAY);
    assert_says(
        &a.tls.reload_and_check().unwrap_err(),
        "expired at 2027-04-25T08:00:00Z",
    );
}
