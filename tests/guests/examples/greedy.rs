//! Calls one import of the host over and over, for the `millis` of the event's data, and then tells how often (`report.greedy`). Which import it is, the event's type says; so does the amount, the most that the host grants or, with the suffix `-beyond`, more.
#![cfg(target_family = "wasm")]
#![allow(
    clippy::disallowed_methods,
    reason = "a guest's clock is the host's, and there is no other"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hearken_guests::bindings::wasi::config::store as config_store;
use hearken_guests::bindings::wasi::keyvalue::{batch, store};
use hearken_guests::bindings::wasi::logging::logging;
use hearken_guests::{Event, Filter, OutgoingEvent, data_of, events, plugin, report};
use serde_json::json;
use wasip2::cli::stderr::get_stderr;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::poll::{Pollable, poll};
use wasip2::random::{insecure, random};

const KIB: usize = 1024;

/// One call; what it returns ends the event.
type Call = Box<dyn FnMut() -> Result<(), String>>;

fn call(mut once: impl FnMut() + 'static) -> Call {
    Box::new(move || {
        once();
        Ok(())
    })
}

fn filter(pattern: &str, subject: Option<String>) -> Filter {
    Filter {
        pattern: pattern.to_owned(),
        subject,
        channel: None,
        local_only: false,
    }
}

fn event(data: Vec<u8>, extensions: Vec<(String, String)>) -> OutgoingEvent {
    OutgoingEvent {
        type_: "greedy-sent".to_owned(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: Some(data),
        distributed: false,
        channel: None,
        extensions,
    }
}

fn pairs(count: usize) -> Vec<(String, String)> {
    let name = |number: usize| format!("x{number}");
    (0..count)
        .map(|number| (name(number), name(number)))
        .collect()
}

fn records(count: usize) -> Vec<(String, Vec<u8>)> {
    let key = |number: usize| format!("key-{number}");
    (0..count)
        .map(|number| (key(number), b"value".to_vec()))
        .collect()
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key-{number}")).collect()
}

fn fields(count: usize) -> Vec<(String, Vec<u8>)> {
    let name = |number: usize| format!("x{number}");
    (0..count)
        .map(|number| (name(number), b"v".to_vec()))
        .collect()
}

fn bucket() -> store::Bucket {
    store::open("greedy").expect("it is granted")
}

/// Looks at the same 64 streams and timers, so often that there are `count` of them.
fn polling(count: usize) -> Call {
    let ready: Vec<Pollable> = (0..64).map(|_| subscribe_duration(0)).collect();
    call(move || {
        let list: Vec<&Pollable> = ready.iter().cycle().take(count).collect();
        black_box(poll(&list));
    })
}

fn printing(bytes: usize) -> Call {
    let lines = vec![b'\n'; bytes];
    let stream = get_stderr();
    Box::new(move || {
        stream
            .check_write()
            .and_then(|_| stream.write(&lines))
            .map_err(|error| format!("{error:?}"))
    })
}

fn request(path: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_method(&Method::Post)
        .and(request.set_scheme(Some(&Scheme::Http)))
        .and(request.set_authority(Some("localhost:9")))
        .and(request.set_path_with_query(Some(path)));
    set.expect("a small request");
    request
}

/// Bodies that are filled and never sent, as many as the host lets it have.
fn bodies() -> Vec<OutgoingRequest> {
    let chunk = vec![b'b'; 64 * KIB];
    let mut requests = Vec::new();
    while requests.len() < 200 {
        let request = request("/");
        let Ok(body) = request.body() else {
            return requests;
        };
        let stream = body.write().expect("taken once");
        while stream
            .check_write()
            .is_ok_and(|room| room >= chunk.len() as u64)
        {
            stream.write(&chunk).expect("there is room");
        }
        drop(stream);
        // The request keeps what was written.
        drop(body);
        requests.push(request);
    }
    requests
}

/// A request to a host that is not allowed, with time-outs.
fn sending() -> Call {
    call(|| {
        let options = RequestOptions::new();
        let _ = options.set_connect_timeout(Some(1_000_000_000));
        if let Ok(response) = outgoing_handler::handle(request("/"), Some(options)) {
            response.subscribe().block();
            black_box(response.get());
        }
    })
}

fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn calling(what: &str) -> Option<Call> {
    let call = match what {
        "clock" => call(|| {
            black_box(Instant::now());
        }),
        "random" => call(|| {
            black_box(random::get_random_bytes(64 * KIB as u64));
        }),
        "random-beyond" => call(|| {
            black_box(random::get_random_bytes(64 * (KIB * KIB) as u64));
        }),
        "insecure-random" => call(|| {
            black_box(insecure::get_insecure_random_bytes(64 * KIB as u64));
        }),
        "poll" => polling(500),
        "poll-beyond" => polling(100_000),
        "sleep" => call(|| subscribe_duration(0).block()),
        "print" => printing(64 * KIB),
        "print-beyond" => printing(1_000 * KIB),
        "log" => {
            let message = "\n".repeat(KIB * KIB);
            call(move || logging::log(logging::Level::Info, "greedy", &message))
        }
        "config" => call(|| {
            black_box(config_store::get_all().is_ok());
        }),
        "send" => call(|| {
            black_box(events::send(&event(b"1".to_vec(), Vec::new())).is_ok());
        }),
        "send-large" => {
            let large = event(vec![b'1'; 900 * KIB], Vec::new());
            call(move || {
                black_box(events::send(&large).is_ok());
            })
        }
        "send-extensions" => {
            let many = event(b"1".to_vec(), pairs(20_000));
            Box::new(move || match events::send(&many) {
                Err(events::SendError::Invalid(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            })
        }
        "wait" => call(|| {
            black_box(events::wait(&filter("custom.never", None), 0).is_err());
        }),
        "wait-subject" => {
            let long = filter("custom.never", Some("s".repeat(60 * KIB)));
            Box::new(move || match events::wait(&long, 0) {
                Err(events::WaitError::Invalid(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            })
        }
        "set-many" => {
            let (bucket, records) = (bucket(), records(512));
            call(move || {
                black_box(batch::set_many(&bucket, &records).is_ok());
            })
        }
        "set-large" => {
            let (bucket, value) = (bucket(), vec![b'v'; KIB * KIB]);
            Box::new(move || match bucket.set("large", &value) {
                Err(store::Error::Other(why)) if why.contains("no memory is left") => Err(why),
                _ => Ok(()),
            })
        }
        "get-many" => {
            let (bucket, keys) = (bucket(), keys(512));
            call(move || {
                black_box(batch::get_many(&bucket, &keys).is_ok());
            })
        }
        "keys-beyond" => {
            let (bucket, keys) = (bucket(), keys(50_000));
            Box::new(move || match batch::get_many(&bucket, &keys) {
                Err(_) => Ok(()),
                Ok(values) => Err(format!("it got {} values", values.len())),
            })
        }
        "records-beyond" => {
            let (bucket, records) = (bucket(), records(40_000));
            Box::new(move || match batch::set_many(&bucket, &records) {
                Err(_) => Ok(()),
                Ok(()) => Err("it changed them all".to_owned()),
            })
        }
        "list-keys" => {
            let bucket = bucket();
            call(move || {
                black_box(bucket.list_keys(None).is_ok());
            })
        }
        "http-fields" => {
            let fields = fields(128);
            Box::new(move || match Fields::from_list(&fields) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("{error:?}")),
            })
        }
        "http-fields-beyond" => {
            let fields = fields(30_000);
            Box::new(move || match Fields::from_list(&fields) {
                Err(_) => Ok(()),
                Ok(_) => Err("it got them all".to_owned()),
            })
        }
        "http-values-beyond" => {
            let (fields, values) = (Fields::new(), vec![b"v".to_vec(); 40_000]);
            Box::new(move || match fields.set("x", &values) {
                Err(_) => Ok(()),
                Ok(()) => Err("it got them all".to_owned()),
            })
        }
        "http-bodies" => call(|| {
            black_box(bodies());
        }),
        "http-send" => sending(),
        "http-handles-beyond" => {
            let mut requests = Vec::new();
            call(move || requests.push(request("/")))
        }
        "memory-fill" => {
            let mut memory = vec![0_u8; 24 * KIB * KIB];
            call(move || {
                memory.fill(1);
                black_box(&memory);
            })
        }
        "memory-grow" => call(|| {
            black_box(core::arch::wasm32::memory_grow::<0>(65_000));
        }),
        "work-and-sleep" => call(|| {
            spin(Duration::from_micros(900));
            subscribe_duration(1_000_000).block();
        }),
        // Each works for as long as it takes until it is looked at, and wakes the others.
        "ping-pong" => call(|| {
            spin(Duration::from_micros(900));
            let _ = events::send(&event(b"1".to_vec(), Vec::new()));
            let _ = events::wait(&filter("custom.greedy-sent", None), 1);
        }),
        _ => return None,
    };
    Some(call)
}

fn handle(event: Event) -> Result<(), String> {
    let what = event.type_.strip_prefix("custom.greedy.").unwrap_or("");
    if what == "http-held" {
        // Tells how many bodies it holds, and goes on holding them meanwhile.
        let bodies = bodies();
        return report(
            "report.greedy",
            json!({ "what": what, "calls": bodies.len() }),
        );
    }
    if what == "wait-refused" {
        return tell(what, waits_until_refused());
    }
    let mut call = calling(what).ok_or_else(|| format!("there is no import `{what}`"))?;
    let millis = data_of(&event)["millis"].as_u64().unwrap_or(0);
    let time = Duration::from_millis(millis);
    let began = Instant::now();
    let mut calls = 0_u64;
    while calls == 0 || began.elapsed() < time {
        call()?;
        calls += 1;
    }
    tell(what, calls)
}

/// Reports what it did, as soon as its budget allows that.
fn tell(what: &str, calls: u64) -> Result<(), String> {
    loop {
        match report("report.greedy", json!({ "what": what, "calls": calls })) {
            Err(error) if error.contains("BudgetExceeded") => {
                subscribe_duration(1_000_000).block();
            }
            told => return told,
        }
    }
}

/// Spends its budget by sending, which is quick, and then waits; returns how often,
/// until a wait is refused.
fn waits_until_refused() -> u64 {
    let small = event(b"1".to_vec(), Vec::new());
    let mut waits = 0;
    loop {
        if let Err(events::SendError::BudgetExceeded) = events::send(&small) {
            waits += 1;
            let waited = events::wait(&filter("custom.never", None), 0);
            if let Err(events::WaitError::Invalid(why)) = waited
                && why.contains("budget")
            {
                return waits;
            }
        }
    }
}

plugin!("custom.greedy.*", handle);
