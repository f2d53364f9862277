//! Texts in the plugins folder are plugins, like components in all that matters.

mod api;
mod authors;
mod bounds;
mod enonic;
mod loading;
mod nesting;
mod outgoing;
#[cfg(unix)]
mod projects;
mod properties;
mod sessions;
mod snapshots;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::engines;
use crate::support::events::Events;
use crate::support::node::TestNode;
use crate::support::plugin::place;

/// A listener on `custom.asked` that answers `custom.answered` with what this expression is.
fn answering(expression: &str) -> String {
    format!(
        "import {{ listen, send }} from \"hearken\";\n\
         listen(\"custom.asked\", function answer(event) {{\n\
         \x20 send(\"answered\", {{ data: {expression} }});\n\
         }});\n"
    )
}

/// A node without plugins, and what it reports of those that come.
async fn node() -> (TestNode, Events) {
    let node = TestNode::start_in(engines::folders().await).await;
    let reports = node.listen("plugin.*").await;
    (node, reports)
}

/// Saves a text as a careful editor does.
fn save(node: &TestNode, name: &str, text: &str) {
    let path = node.plugins().join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    place(
        path.parent().expect("it is in a folder"),
        Path::new(name)
            .file_name()
            .expect("a name")
            .to_str()
            .expect("a text"),
        text.as_bytes(),
    );
}

/// What `custom.answered` says next.
async fn answer(answers: &mut Events) -> Value {
    answers.next().await["data"].clone()
}
