use wasmtime::{Engine, Instance, Module, Store};

use super::*;
use crate::plugin::code::engine::new_engine;

const PAGE: usize = 64 << 10;

fn limiter(limit: u64) -> (MemoryLimiter, Arc<AtomicU64>) {
    let total = Arc::new(AtomicU64::new(0));
    (MemoryLimiter::new(limit, Arc::clone(&total)), total)
}

fn bytes(total: &AtomicU64) -> u64 {
    total.load(Ordering::Relaxed)
}

/// Runs a core module under a limit; returns what its function `run` returned and
/// what is on the account then.
fn run(engine: &Engine, limit: u64, module: &str) -> wasmtime::Result<(i32, u64)> {
    let module = Module::new(engine, wat::parse_str(module).unwrap())?;
    let (limiter, total) = limiter(limit);
    let mut store = Store::new(engine, limiter);
    store.limiter(|limiter| limiter);
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    let returned = run.call(&mut store, ())?;
    Ok((returned, bytes(&total)))
}

#[test]
fn the_limits_hold_for_all_memories_and_all_tables_together() {
    let (mut limiter, total) = limiter(100);
    assert!(limiter.memory_growing(0, 60, None).unwrap());
    assert!(!limiter.memory_growing(0, 60, None).unwrap());
    assert_eq!(bytes(&total), 60);
    drop(limiter);
    assert_eq!(bytes(&total), 0);
}

#[test]
fn tables_are_bounded_and_charged() {
    let (mut limiter, total) = limiter(1 << 30);
    let most = MAX_TABLE_ELEMENTS;
    assert!(limiter.table_growing(0, most / 2, None).unwrap());
    assert!(limiter.table_growing(0, most / 2, None).unwrap());
    assert!(!limiter.table_growing(most / 2, most / 2 + 1, None).unwrap());
    assert_eq!(bytes(&total), most as u64 * TABLE_ELEMENT_BYTES);
    drop(limiter);
    assert_eq!(bytes(&total), 0);

    let (mut limiter, total) = self::limiter(100 * TABLE_ELEMENT_BYTES);
    assert!(limiter.table_growing(0, 60, None).unwrap());
    assert!(!limiter.table_growing(60, 101, None).unwrap());
    assert_eq!(limiter.refused(), Some(Refused::ToGrow));
    assert_eq!(bytes(&total), 60 * TABLE_ELEMENT_BYTES);
}

#[test]
fn no_grow_is_too_large_to_be_refused() {
    let (mut limiter, total) = limiter(100 << 20);
    assert!(limiter.memory_growing(0, PAGE, None).unwrap());
    for absurd in [usize::MAX, usize::MAX - PAGE + 1, usize::MAX - 2 * PAGE + 1] {
        assert!(!limiter.memory_growing(0, absurd, None).unwrap());
        assert!(!limiter.memory_growing(PAGE, absurd, None).unwrap());
        assert!(!limiter.table_growing(0, absurd, None).unwrap());
        assert_eq!(bytes(&total), PAGE as u64);
    }
    assert!(limiter.table_growing(0, 1, None).unwrap());
    assert!(!limiter.table_growing(1, usize::MAX, None).unwrap());
}

#[test]
fn a_grow_that_fails_counts_for_nothing() {
    let (mut limiter, total) = limiter(1000);
    let failed = || wasmtime::Error::msg("out of memory");
    assert!(limiter.memory_growing(0, 100, None).unwrap());
    assert!(limiter.memory_growing(100, 900, None).unwrap());
    limiter.memory_grow_failed(failed()).unwrap();
    assert_eq!(bytes(&total), 100);
    // Told twice, or after a refusal, it gives nothing back that is held.
    limiter.memory_grow_failed(failed()).unwrap();
    assert!(!limiter.memory_growing(100, 9000, None).unwrap());
    limiter.memory_grow_failed(failed()).unwrap();
    assert_eq!(bytes(&total), 100);

    assert!(limiter.table_growing(0, 10, None).unwrap());
    limiter.table_grow_failed(failed()).unwrap();
    limiter.table_grow_failed(failed()).unwrap();
    assert_eq!(bytes(&total), 100);
    assert_eq!(limiter.table_elements, 0);

    // Beyond what it declares for itself it cannot become, whatever the limit is.
    assert!(!limiter.memory_growing(100, 300, Some(200)).unwrap());
    assert!(!limiter.table_growing(0, 11, Some(10)).unwrap());
    assert_eq!(
        limiter.refused(),
        None,
        "no limit of the host stood in the way"
    );
    assert_eq!(bytes(&total), 100);
}

#[test]
fn a_refusal_is_over_once_memory_is_granted() {
    let (mut limiter, _) = limiter(100);
    assert!(!limiter.memory_growing(0, 101, None).unwrap());
    assert_eq!(limiter.refused(), Some(Refused::ToStart));
    assert!(limiter.memory_growing(0, 50, None).unwrap());
    assert_eq!(limiter.refused(), None);
    assert!(!limiter.memory_growing(50, 101, None).unwrap());
    assert_eq!(limiter.refused(), Some(Refused::ToGrow));
    limiter.forget_refusal();
    assert_eq!(limiter.refused(), None);
}

#[test]
fn what_the_host_holds_is_on_the_same_account() {
    let (mut limiter, total) = limiter(100);
    let charge = limiter.account().charge(60).expect("there is room");
    assert!(limiter.account().charge(41).is_none());
    assert!(limiter.account().charge(u64::MAX).is_none());
    assert!(!limiter.memory_growing(0, 41, None).unwrap());
    assert!(limiter.memory_growing(0, 40, None).unwrap());
    // It may outlast the instance, e.g. with a request that is under way.
    drop(limiter);
    assert_eq!(bytes(&total), 60);
    drop(charge);
    assert_eq!(bytes(&total), 0);
}

/// Grows a small memory page by page; before each page it asks for an absurd grow of
/// another memory, which fails, and of which nothing may be given back.
const PHANTOM_GROWS: &str = r#"(module
    (memory $real 1)
    (memory $phantom INDEX 0 MAXIMUM)
    (func (export "run") (result i32)
        (loop $again
            (drop (memory.grow $phantom (INDEX.const ABSURD)))
            (drop (memory.grow $phantom (INDEX.const -1)))
            (br_if $again (i32.ne (i32.const -1) (memory.grow $real (i32.const 1)))))
        (memory.size $real)))"#;

#[test]
fn phantom_grows_of_a_64_bit_memory_unlock_nothing() {
    // The limiter must stand by itself: here is an engine with 64-bit memories.
    let engine = Engine::default();
    let limit = 100 * PAGE as u64;
    for maximum in ["", "65536", "0xffffffffffff"] {
        let module = PHANTOM_GROWS
            .replace("INDEX.const", "i64.const")
            .replace("INDEX", "i64")
            .replace("MAXIMUM", maximum)
            .replace("ABSURD", "0x8000000000000000");
        let (pages, held) = run(&engine, limit, &module).unwrap();
        assert_eq!((pages, held), (100, limit), "maximum {maximum:?}");
    }
}

#[test]
fn phantom_grows_of_a_32_bit_memory_unlock_nothing() {
    let engine = new_engine().unwrap();
    let limit = 100 * PAGE as u64;
    for maximum in ["", "1", "65536"] {
        let module = PHANTOM_GROWS
            .replace("INDEX.const", "i32.const")
            .replace("INDEX", "")
            .replace("MAXIMUM", maximum)
            .replace("ABSURD", "65536");
        let (pages, held) = run(&engine, limit, &module).unwrap();
        assert_eq!((pages, held), (100, limit), "maximum {maximum:?}");
    }
}

#[test]
fn the_engine_has_no_64_bit_memories_and_tables_and_no_small_pages() {
    let engine = new_engine().unwrap();
    for module in [
        "(module (memory i64 1))",
        "(module (table i64 1 funcref))",
        "(module (memory 1 1 (pagesize 1)))",
    ] {
        let binary = wat::parse_str(module).unwrap();
        assert!(Module::new(&engine, binary).is_err(), "{module}");
    }
}

#[test]
fn an_instance_has_few_memories_and_tables() {
    let engine = new_engine().unwrap();
    let module = |part: &str, count: usize| {
        let parts = part.repeat(count);
        format!(r#"(module {parts} (func (export "run") (result i32) i32.const 0))"#)
    };
    for (part, most) in [
        ("(memory 0)", MAX_MEMORIES),
        ("(table 0 funcref)", MAX_TABLES),
    ] {
        assert!(run(&engine, 0, &module(part, most)).is_ok(), "{part}");
        assert!(run(&engine, 0, &module(part, most + 1)).is_err(), "{part}");
    }
}
