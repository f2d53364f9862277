//! One store, many plugins.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::disk::Faults;
use super::*;

/// Lets a call begin: it waits for the writer then.
fn poll_once<F: Future + Unpin>(call: &mut F) -> Poll<F::Output> {
    let mut unconstrained = tokio::task::unconstrained(call);
    Pin::new(&mut unconstrained).poll(&mut Context::from_waker(Waker::noop()))
}

fn stalled(stalled: bool) -> Faults {
    Faults {
        stalled,
        ..Faults::default()
    }
}

#[tokio::test]
async fn what_waits_is_committed_together_whoever_brought_it() {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let first = of(&store, "first");
    disk.set(stalled(true));
    let before = disk.syncs();
    let first = tokio::spawn(async move { set(&first, "k", "v").await });
    let syncing = disk.clone();
    tokio::task::spawn_blocking(move || syncing.until_syncing(before))
        .await
        .unwrap();
    let mut waiting: Vec<_> = (0..50)
        .map(|number| {
            let records = of(&store, &format!("p{}", number % 10));
            Box::pin(async move {
                let bucket: Arc<str> = format!("b{}", number % 3).into();
                records.increment(&bucket, "sum".to_owned(), 1).await
            })
        })
        .collect();
    for waits in &mut waiting {
        assert!(poll_once(waits).is_pending());
    }
    disk.set(stalled(false));
    first.await.unwrap().unwrap();
    let syncs = disk.syncs();
    let mut sums: Vec<_> = join_all(waiting).await;
    sums.sort_by_key(|sum| sum.clone().unwrap());
    assert!(disk.syncs() - syncs <= 4, "{}", disk.syncs() - syncs);
    let in_each: u64 = sums.iter().filter(|sum| **sum == Ok(1)).count() as u64;
    assert_eq!(in_each, 3);
    assert_eq!(sums.last(), Some(&Ok(17)));
}

#[tokio::test]
async fn a_refused_change_keeps_no_other_of_its_group_from_its_own() {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let (p, q) = (of(&store, "p"), of(&store, "q"));
    set(&p, "text", "x").await.unwrap();
    disk.set(stalled(true));
    let before = disk.syncs();
    let busy = tokio::spawn({
        let p = p.clone();
        async move { set(&p, "first", "").await }
    });
    let syncing = disk.clone();
    tokio::task::spawn_blocking(move || syncing.until_syncing(before))
        .await
        .unwrap();
    let b = bucket();
    let mut refused = Box::pin(p.increment(&b, "text".to_owned(), 1));
    let mut good = Box::pin(set(&q, "good", "1"));
    assert!(poll_once(&mut refused).is_pending());
    assert!(poll_once(&mut good).is_pending());
    disk.set(stalled(false));
    busy.await.unwrap().unwrap();
    let text = RecordError::NotANumber("text".to_owned());
    assert_eq!(refused.await, Err(text));
    good.await.unwrap();
    assert_eq!(value(&p, "good").await, Ok(Some("1".to_owned())));
}

/// On one blocking thread: a call that waits holds none.
#[test]
fn reads_wait_for_no_change_and_a_call_that_was_given_up_is_not_made() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let p = of(&store, "p");
    runtime.block_on(async {
        set(&p, "k", "old").await.unwrap();
        disk.set(stalled(true));
        let before = disk.syncs();
        let changing = tokio::spawn({
            let p = p.clone();
            async move { set(&p, "k", "new").await }
        });
        // Not on a blocking thread, of which there is but one.
        disk.until_syncing(before);
        for number in 0..20 {
            let mut given_up = Box::pin(set(&p, "given up", "1"));
            assert!(poll_once(&mut given_up).is_pending(), "{number}");
        }
        let read = tokio::time::timeout(LONG, value(&p, "k"));
        assert_eq!(read.await.unwrap(), Ok(Some("old".to_owned())));
        disk.set(stalled(false));
        changing.await.unwrap().unwrap();
        assert_eq!(value(&p, "k").await, Ok(Some("new".to_owned())));
        set(&p, "last", "1").await.unwrap();
        assert_eq!(value(&p, "given up").await, Ok(None));
    });
}

#[tokio::test]
async fn a_plugin_that_waits_with_much_takes_no_room_of_others() {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let (p, q) = (of(&store, "p"), of(&store, "q"));
    disk.set(stalled(true));
    let large = |number: usize| {
        let p = p.clone();
        let records = vec![record(format!("{number}"), vec![0; 1 << 20]); 3];
        Box::pin(async move { p.set(&bucket(), records).await })
    };
    let mut flood: Vec<_> = (0..50).map(large).collect();
    for waits in &mut flood {
        assert!(poll_once(waits).is_pending());
    }
    // Of 150 MiB that want to wait, few wait with the store.
    let mut other = Box::pin(set(&q, "small", "1"));
    assert!(poll_once(&mut other).is_pending());
    drop(flood);
    disk.set(stalled(false));
    other.await.unwrap();
}

#[tokio::test]
async fn a_flood_of_changes_displaces_its_own_announcements_alone() {
    let bus = bus();
    let receiver = listen(&bus, 64);
    let store = on(&TestDisk::default(), &bus);
    let (quiet, flood) = (of(&store, "quiet"), of(&store, "flood"));
    for key in ["q1", "q2", "q3"] {
        set(&quiet, key, "").await.unwrap();
    }
    let many = (0..500).map(|number| record(format!("f{number}"), ""));
    flood.set(&bucket(), many.collect()).await.unwrap();
    let left = changes(&receiver);
    assert_eq!(left.len(), 64);
    let quiet = left.iter().filter(|change| change.contains(" q")).count();
    assert_eq!(quiet, 3, "{left:?}");
}

/// The times of so many sets, one after the other, sorted.
async fn latencies(records: &Records, count: usize) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(count);
    for number in 0..count {
        let start = Instant::now();
        set(records, &format!("k{number}"), "v").await.unwrap();
        latencies.push(start.elapsed());
    }
    latencies.sort();
    latencies
}

/// Nobody waits twice as long because of one other plugin, whatever that one does: the
/// disk takes 4 ms a sync and as long for each 256 KiB.
async fn floods_slow_nobody(
    flood: impl Fn(u64, u64) -> Vec<(String, Vec<u8>)> + Clone + Send + 'static,
) {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    disk.set(Faults {
        pace: Duration::from_millis(4),
        ..Faults::default()
    });
    let victim = of(&store, "victim");
    let alone = latencies(&victim, 60).await;
    let flooding = of(&store, "flood");
    let floods: Vec<_> = (0..16)
        .map(|number| {
            let (flooding, flood) = (flooding.clone(), flood.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                for round in 0.. {
                    let records = flood(number, round);
                    flooding.set(&"flooded".into(), records).await.unwrap();
                }
            }))
        })
        .collect();
    // From its first burst on.
    let first = latencies(&victim, 1).await;
    let beside = latencies(&victim, 120).await;
    drop(floods);
    let (before, after) = (alone[30], beside[60]);
    assert!(
        after <= 2 * before + Duration::from_millis(5),
        "alone {before:?}, beside a flood {after:?} (first {first:?}, all {beside:?})"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_small_changes_slows_nobody() {
    floods_slow_nobody(|number, round| vec![record(format!("{number} {round}"), "v")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_many_records_slows_nobody() {
    let many = |number: u64, round: u64| {
        let key = |at: u64| (at * 7919 + round * 104_729 + number) % 100_003;
        (0..512)
            .map(|at| record(key(at).to_string(), [0; 64]))
            .collect()
    };
    floods_slow_nobody(many).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_large_values_slows_nobody() {
    let large = |number: u64, _: u64| {
        let value = |at| record(format!("{number} {at}"), vec![0; 1 << 20]);
        (0..3).map(value).collect()
    };
    floods_slow_nobody(large).await;
}
