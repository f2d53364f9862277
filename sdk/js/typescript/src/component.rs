//! The component.

#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/deps/hearken-engine",
        world: "typescript",
    });

    export!(Stripper);

    pub(super) struct Stripper;
}

use bindings::exports::hearken::engine::blank::{Guest, Problem};

impl Guest for bindings::Stripper {
    fn blank(_: String, text: String) -> Result<String, Problem> {
        crate::blank(&text).map_err(|problem| Problem {
            line: problem.line,
            column: problem.column,
            message: problem.message,
        })
    }
}
