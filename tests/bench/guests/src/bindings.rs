//! What plain bindings make of the interfaces in `wit/`: for listeners without the
//! SDK, whose cost is measured apart from it.

/// `hearken:plugin/listener`, one event a call.
#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
pub mod typed {
    wit_bindgen::generate!({
        path: "../../../wit",
        inline: "package bench:typed; world typed { export hearken:plugin/listener@0.2.0; }",
        generate_all,
        pub_export_macro: true,
    });
}

/// Many events a call as one list of bytes, and nothing else.
#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
pub mod framed {
    wit_bindgen::generate!({
        path: "../limits.wit",
        world: "framed",
        generate_all,
        pub_export_macro: true,
    });
}

/// Many events a call as columns: records of scalars, and one list of bytes.
#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
pub mod columns {
    wit_bindgen::generate!({
        path: "../limits.wit",
        world: "columns",
        generate_all,
        pub_export_macro: true,
    });
}
