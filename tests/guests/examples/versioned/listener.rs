// Included by each version of the plugin, after its `VERSION`.

use hearken_guests::{Event, data_of, describe, plugin, report};
use serde_json::json;

fn handle(event: Event) -> Result<(), String> {
    report(
        "handled",
        json!({ "version": VERSION, "id": event.id, "data": data_of(&event) }),
    )
}

plugin!(describe: || describe(VERSION, "custom.versioned.*"), handle);
