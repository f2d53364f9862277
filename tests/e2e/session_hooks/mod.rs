//! Plugins that answer what sessions ask, and address them.

mod addressing;
pub mod asking;
mod failing;
mod reloading;

use hearken::admin::PluginState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::sessions::{Session, Stream, configured};
use crate::support::DEADLINE;
use crate::support::api::Api;
use crate::support::engines;
use crate::support::languages::{Language, in_each_language};
use crate::support::plugin::{Plugin, plugin};
use crate::support::process::NodeProcess;

/// A node whose sessions ask the plugin `doorman` in all ways. Everybody may do everything
/// unless it says otherwise.
const CONFIGURATION: &str = r#"
[access]
anonymous = ["admin"]

[sessions]
connect = "doorman"
refresh = "doorman"
rpc = { "door.*" = "doorman", "missing.*" = "nobody" }
hook_headers = ["x-trace"]
ping_interval = "1h"

[sessions.namespaces.chat]
hooks = "doorman"
presence = true
history_size = 100
history_ttl = "5m"

[sessions.namespaces.judged]
authorize = "doorman"

[sessions.namespaces.other]
hooks = "doorman"

[sessions.namespaces.plain]
"#;

/// What lets it answer.
const MANIFEST: &str = "[allow]\nsessions = [\"chat\", \"judged\"]\n";

/// On which way sessions are connected here.
const WAY: &str = "POST http_stream";

fn doorman(language: Language) -> Plugin {
    language.guest("doorman").manifest(MANIFEST)
}

/// A node of this configuration with these plugins.
async fn node_of(configuration: &str, plugins: impl IntoIterator<Item = Plugin>) -> NodeProcess {
    let (folder, _) = configured(configuration);
    let plugins: Vec<Plugin> = plugins.into_iter().collect();
    let names: Vec<String> = plugins.iter().map(|plugin| plugin.name.clone()).collect();
    engines::place(plugins, &folder.path().join("plugins"), folder.path()).await;
    let node = NodeProcess::start_again(folder, &[]).await;
    for name in names {
        // A node serves before the engine of a text is ready.
        node.until(&name, |status| status.state == PluginState::Running)
            .await;
    }
    node
}

async fn node(language: Language) -> NodeProcess {
    node_of(CONFIGURATION, [doorman(language)]).await
}

/// Somebody who is connected as this user, by what the plugin says.
async fn user(api: &Api, user: &str) -> Session {
    Session::connect(api, WAY, json!({ "data": { "user": user } })).await
}

/// What somebody is told who connects so: a reply, or the end.
async fn answer_to_connect(api: &Api, request: Value) -> Value {
    let command = json!({ "connect": request, "id": 1 }).to_string();
    let request = api
        .request(Method::POST, "/connection/http_stream")
        .body(command);
    Stream::open(request).await.message().await
}

/// Subscribes to a channel; what comes back.
async fn subscribe(api: &Api, session: &mut Session, channel: &str) -> Value {
    let command = json!({ "subscribe": { "channel": channel }, "id": 2 });
    session.command(api, command).await
}

/// Calls a method; what comes back.
async fn call(api: &Api, session: &mut Session, method: &str, data: Value) -> Value {
    let command = json!({ "rpc": { "method": method, "data": data }, "id": 3 });
    session.command(api, command).await
}

/// The code of an error.
fn code(reply: &Value) -> u64 {
    reply["error"]["code"].as_u64().unwrap_or_default()
}
