//! Texts that misbehave, each beside a well-behaved plugin and with what its author is told.

mod depths;
mod floods;
mod glue;
mod imports;
mod promises;

use serde_json::Value;

use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::{Plugin, text};

/// Limits that are reached soon, and within which an engine starts.
const TIGHT: &str = "[limits]\ndeadline = \"300ms\"\nmemory = \"24MiB\"\n";

/// Limits within which there is time for much that is not endless.
const PATIENT: &str = "[limits]\ndeadline = \"5s\"\nmemory = \"24MiB\"\n";

/// What the author of a text sees.
#[derive(Clone, Copy)]
enum Sees {
    /// The event is handled, and what its handler found has this in it.
    Answers(&'static str),
    /// The event fails, and the reason has this in it.
    Fails(&'static str),
    /// The text is not loaded, and the reason has this in it.
    DoesNotStart(&'static str),
}

use Sees::{Answers, DoesNotStart, Fails};

/// A text that does its worst when it gets an event.
struct Twin {
    name: &'static str,
    ending: &'static str,
    text: String,
    limits: &'static str,
    sees: Sees,
}

/// One that does something at its top and something in its handler. What it finds it says by
/// `answer`; `told` is what a call throws.
fn twin(name: &'static str, top: &str, body: &str, sees: Sees) -> Twin {
    let text = format!(
        "import {{ listen, send }} from \"hearken\";\n\
         const answer = (data) => send(\"answered\", {{ subject: \"{name}\", data: String(data) }});\n\
         const told = (call) => {{\n\
         \x20 try {{ call(); }} catch (error) {{ return `${{error.name}}: ${{error.message}}`; }}\n\
         \x20 return \"nothing is thrown\";\n\
         }};\n\
         {top}\n\
         listen(\"custom.twin.{name}\", async function twin(event) {{\n{body}\n}});\n"
    );
    Twin {
        name,
        ending: "js",
        text,
        limits: TIGHT,
        sees,
    }
}

impl Twin {
    fn plugin(&self) -> Plugin {
        text(self.name, self.ending, &self.text).manifest(self.limits)
    }

    fn starts(&self) -> bool {
        !matches!(self.sees, DoesNotStart(_))
    }
}

/// Lets all of them do their worst twice, side by side, and checks that a neighbour does not
/// notice and that each author is told what is to be told.
async fn beside_a_neighbour(twins: &[Twin]) {
    let starting = twins.iter().filter(|twin| twin.starts());
    let mut neighbours = Neighbourhood::of(starting.map(Twin::plugin)).await;
    let failed = neighbours.listen("plugin.failed").await.gather();
    let answered = neighbours.listen("custom.answered").await.gather();
    for twin in twins.iter().filter(|twin| !twin.starts()) {
        neighbours.place(&twin.plugin());
    }
    let mut wrong = Vec::new();
    for round in 1..=2 {
        let mut sent = Vec::new();
        for twin in twins {
            let id = match twin.starts() {
                true => neighbours.send(&format!("twin.{}", twin.name), round).await,
                false => String::new(),
            };
            sent.push(id);
        }
        neighbours.nothing_is_missed().await;
        for (twin, id) in twins.iter().zip(&sent) {
            let is_its = |event: &Value| event["subject"] == twin.name;
            let is_failure = |event: &Value| {
                is_its(event) && (id.is_empty() || event["data"]["event"] == id.as_str())
            };
            let of_answers = |events: &[Value]| events.iter().filter(|e| is_its(e)).count();
            let said = tokio::select! {
                failed = failed.first(is_failure) => format!("fails: {}", failed["data"]["reason"]),
                answered = answered.until(|events| of_answers(events) >= round) => {
                    let its = answered.iter().filter(|event| is_its(event)).nth(round - 1);
                    format!("answers: {}", its.expect("so many")["data"])
                }
            };
            let (how, what) = match twin.sees {
                Answers(what) => ("answers: ", what),
                Fails(what) | DoesNotStart(what) => ("fails: ", what),
            };
            if !said.starts_with(how) || !said.contains(what) {
                wrong.push(format!("{} {said}, and not `{what}`", twin.name));
            }
        }
    }
    neighbours.nothing_is_missed().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
