use super::*;
use crate::plugin::code::engine::new_engine;
use crate::plugin::threads::executor::Executor;
use crate::plugin::threads::ticker::Ticker;

/// Runs `call` on a plugin thread under a meter of its own.
async fn charged<F, C>(
    deadline: Duration,
    time_slice: Duration,
    call: C,
) -> Result<F::Output, DeadlineExceeded>
where
    C: FnOnce(Arc<Meter>, Arc<TaskHandle>) -> F,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let ticker = Arc::new(Ticker::start(new_engine().unwrap()).unwrap());
    let executor = Executor::new(1, &tokio::runtime::Handle::current(), &ticker).unwrap();
    let handle = executor.handle(1, time_slice);
    let meter = Arc::new(Meter::new(Arc::clone(&handle), deadline, time_slice));
    let call = call(Arc::clone(&meter), Arc::clone(&handle));
    let charged = async move { meter.charge(async { Ok(call.await) }).await };
    let outcome = executor.spawn(handle, charged).await;
    outcome.map_err(|error| error.downcast().expect("nothing else ends it"))
}

fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Spins as a guest does, with ticks in between; returns what the last one told,
/// or the first that told it anything but to go on.
fn run_for(meter: &Meter, time: Duration) -> UpdateDeadline {
    let began = ThreadTime::now();
    loop {
        spin(TICK);
        let told = meter.on_tick();
        if !matches!(told, UpdateDeadline::Continue(_)) || began.elapsed() >= time {
            return told;
        }
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_host_wait_ends_with_the_deadline() {
    let deadline = Duration::from_millis(5);
    let outcome = charged(deadline, LONG, |_, _| std::future::pending::<()>()).await;
    let exceeded = outcome.expect_err("it never ends");
    assert!(exceeded.spent.total() >= deadline, "{exceeded}");
}

#[tokio::test]
async fn who_waits_is_left_some_of_the_deadline() {
    let short = Duration::from_millis(10);
    for (deadline, most) in [(LONG, LONG - LAST_WORDS), (short, short * 9 / 10)] {
        let time_to_wait = charged(
            deadline,
            LONG,
            |meter, _| async move { meter.time_to_wait() },
        );
        let time_to_wait = time_to_wait.await.expect("it takes no time");
        assert!(
            time_to_wait <= most && time_to_wait > deadline / 2,
            "{time_to_wait:?}"
        );
    }
}

#[tokio::test]
async fn an_event_is_interrupted_for_what_it_waited_for() {
    let deadline = Duration::from_millis(20);
    for of_storage in [true, false] {
        let meters = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&meters);
        let outcome = charged(deadline, LONG, |meter, _| {
            *kept.lock().unwrap() = Some(Arc::clone(&meter));
            async move {
                let _waiting = of_storage.then(|| meter.wait_for_storage());
                std::future::pending::<()>().await;
            }
        })
        .await;
        assert!(outcome.is_err());
        let meter = meters.lock().unwrap().take().expect("it was made");
        assert_eq!(meter.waited_for_storage(), of_storage);
    }
}

#[test]
fn what_storage_takes_usually_is_no_excuse() {
    let [usual, second] = [USUAL_STORAGE, Duration::from_secs(1)];
    assert_eq!(late(usual, 5 * second), Duration::ZERO);
    // However many such waits there are; of one that is late the rest is.
    assert_eq!(late(second, 5 * second), second - usual);
    assert_eq!(late(usual, usual), usual * 9 / 10, "a short deadline");
}

#[tokio::test]
async fn many_short_waits_and_bursts_add_up_to_the_deadline() {
    let outcome: Result<(), _> = charged(Duration::from_millis(20), LONG, |_, _| async {
        loop {
            spin(Duration::from_micros(500));
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    })
    .await;
    let exceeded = outcome.expect_err("it never ends");
    assert!(!exceeded.spent.cpu.is_zero() && !exceeded.spent.waits.is_zero());
}

#[tokio::test]
async fn a_host_wait_does_not_begin_a_new_time_slice() {
    let slice = Duration::from_millis(40);
    let in_background = charged(LONG, slice, |meter, handle| async move {
        let told = run_for(&meter, slice / 2);
        assert!(matches!(told, UpdateDeadline::Continue(_)));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let told = run_for(&meter, slice);
        assert!(matches!(told, UpdateDeadline::YieldCustom(..)));
        handle.in_background()
    })
    .await;
    assert_eq!(in_background, Ok(true));
}

#[tokio::test]
async fn each_event_of_a_call_has_a_deadline_of_its_own() {
    let deadline = Duration::from_millis(40);
    let outcome = charged(deadline, LONG, |meter, _| async move {
        for _ in 0..4 {
            if matches!(run_for(&meter, deadline / 2), UpdateDeadline::Interrupt) {
                return None;
            }
            meter.next_event();
        }
        Some(meter.spent().cpu)
    })
    .await;
    let spent = outcome.expect("no event takes too long");
    assert!(spent.is_some_and(|cpu| cpu >= deadline), "{spent:?}");
}

#[tokio::test]
async fn a_spinning_guest_is_interrupted_at_a_tick() {
    let deadline = Duration::from_millis(5);
    let interrupted = charged(deadline, LONG, |meter, _| async move {
        let told = run_for(&meter, 2 * deadline);
        matches!(told, UpdateDeadline::Interrupt) && meter.exceeded().is_some()
    })
    .await;
    assert_eq!(interrupted, Ok(true));
}

/// A guest that can say where it is has a moment for that before it is interrupted.
#[tokio::test]
async fn the_end_of_a_deadline_is_seen_before_it_comes() {
    let deadline = Duration::from_millis(100);
    let seen = charged(deadline, LONG, move |meter, _| async move {
        assert!(!meter.is_nearly_over(), "it has just begun");
        run_for(&meter, deadline * 19 / 20);
        let seen = meter.is_nearly_over();
        run_for(&meter, deadline);
        (seen, meter.is_nearly_over())
    });
    let (before, after) = seen.await.expect("nobody waits in there");
    assert!(before && !after, "{before} {after}");
}
