//! A core module without the component boundary: a frame is copied once into its
//! memory, and one call handles it.

use wasmtime::{Instance, Module, Store, TypedFunc};

use super::{engine, repeat};
use crate::contest::Repeat;
use crate::guests;

pub(super) fn open() -> Result<Repeat, String> {
    let engine = engine();
    let module = Module::from_file(&engine, guests::module("limit-core")?)
        .expect("cargo made a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
    let memory = instance
        .get_memory(&mut store, "memory")
        .expect("it exports its memory");
    let room: TypedFunc<u32, u32> = instance
        .get_typed_func(&mut store, "frame")
        .expect("it exports `frame`");
    let handle: TypedFunc<(), ()> = instance
        .get_typed_func(&mut store, "handle")
        .expect("it exports `handle`");
    let mut frame = Vec::new();
    let mut place = (0, 0);
    Ok(Box::new(move |payload| {
        repeat(payload, |events| {
            events.pack(&mut frame);
            if place.1 != frame.len() {
                let bytes = u32::try_from(frame.len()).expect("a frame is small");
                let address = room.call(&mut store, bytes).expect("it has the memory");
                place = (address as usize, frame.len());
            }
            memory
                .write(&mut store, place.0, &frame)
                .expect("the guest made room for it");
            handle.call(&mut store, ()).expect("the frame is valid");
        })
    }))
}
