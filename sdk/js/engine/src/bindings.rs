//! What the node calls and what it offers.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package hearken:javascript;
        world engine {
            include hearken:plugin/imports@0.2.0;
            import hearken:plugin/progress@0.2.0;
            import hearken:engine/script@0.1.0;
            export hearken:plugin/framed-listener@0.2.0;
            export hearken:plugin/session-hooks@0.2.0;
        }
    ",
    world: "hearken:javascript/engine",
    with: { "wasi:io/poll@0.2.12": wasip2::io::poll },
    generate_all,
});

/// The component.
pub(crate) struct Engine;

export!(Engine);
