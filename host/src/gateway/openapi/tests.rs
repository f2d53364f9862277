use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;

use super::super::test_support::{get, publish, router, send};
use crate::event::host_event::HostEventType;

async fn document() -> Value {
    get(&router(), "/openapi.json").await.json()
}

/// What a node is documented to offer over HTTP.
const ROUTES: [(&str, &str); 51] = [
    ("post", "/v1/events"),
    ("get", "/v1/events"),
    ("get", "/v1/wait"),
    ("get", "/v1/channels"),
    ("get", "/v1/channels/{name}"),
    ("put", "/v1/channels/{name}"),
    ("delete", "/v1/channels/{name}"),
    ("post", "/v1/channels/{name}/events"),
    ("get", "/v1/channels/{name}/events"),
    ("get", "/v1/channels/{name}/events/{sequence}"),
    ("get", "/v1/channels/{name}/latest"),
    ("get", "/v1/channels/{name}/cursors/{client}"),
    ("put", "/v1/channels/{name}/cursors/{client}"),
    ("delete", "/v1/channels/{name}/cursors/{client}"),
    ("put", "/v1/channels/{name}/indexes/{index}"),
    ("get", "/v1/channels/{name}/indexes/{index}/{value}"),
    ("post", "/v1/channels/{name}/trim"),
    ("post", "/v1/channels/{name}/verify"),
    ("post", "/v1/channels/{name}/repair"),
    ("post", "/v1/channels/{name}/consumers/{plugin}/retry"),
    ("post", "/v1/channels/{name}/consumers/{plugin}/seek"),
    ("delete", "/v1/channels/{name}/consumers/{plugin}"),
    ("get", "/v1/plugins"),
    ("get", "/v1/plugins/{name}"),
    ("post", "/v1/plugins/{name}/reload"),
    ("post", "/v1/plugins/{name}/pause"),
    ("post", "/v1/plugins/{name}/resume"),
    ("post", "/v1/plugins/{name}/replay"),
    ("delete", "/v1/plugins/{name}/replay"),
    ("get", "/v1/nodes"),
    ("get", "/v1/whoami"),
    ("get", "/connection/websocket"),
    ("post", "/connection/http_stream"),
    ("get", "/connection/sse"),
    ("post", "/connection/sse"),
    ("get", "/connection/uni_sse"),
    ("post", "/connection/uni_sse"),
    ("get", "/connection/uni_http_stream"),
    ("post", "/connection/uni_http_stream"),
    ("post", "/emulation"),
    ("get", "/v1/sessions"),
    ("post", "/v1/sessions/messages"),
    ("post", "/v1/sessions/disconnect"),
    ("get", "/v1/sessions/{id}"),
    ("delete", "/v1/sessions/{id}"),
    ("post", "/v1/sessions/{id}/messages"),
    ("post", "/api/{method}"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
];

#[tokio::test]
async fn the_document_has_exactly_the_routes_that_answer() {
    let document = document().await;
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let expected = ROUTES
        .iter()
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(documented, expected);

    let router = router();
    for (method, path) in documented {
        // Answered by a handler, not by the fallback for what does not exist:
        // the parameter is unknown to those that take any.
        let request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(format!("{}?unknown=1", path.replace(['{', '}'], "")).replace("/name", "/good"))
            .body(Body::empty())
            .unwrap();
        let answer = send(&router, request).await;
        let is_missing = answer.status == StatusCode::NOT_FOUND
            && answer.json()["type"] == "urn:hearken:problem:no-route";
        assert!(!is_missing, "{method} {path}");
        assert_ne!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        let responses = document["paths"][&path][&method]["responses"]
            .as_object()
            .unwrap();
        let status = answer.status.as_u16().to_string();
        assert!(
            responses.contains_key(&status),
            "{method} {path} answers {status}"
        );
    }
}

#[tokio::test]
async fn failures_are_documented_as_problems() {
    let document = document().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                let expected = if status.starts_with(['1', '2']) {
                    Value::Null
                } else {
                    "#/components/schemas/Problem".into()
                };
                assert_eq!(*problem, expected, "{method} {path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document().await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 5);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn host_events_have_schemas_that_name_their_data() {
    let document = document().await;
    let events = document["x-host-events"].as_object().unwrap();
    assert_eq!(events.len(), HostEventType::ALL.len());
    let reference = events["plugin.failed"]["data"]["$ref"].as_str().unwrap();
    let schema = document.pointer(&reference[1..]).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["plugin", "reason"]));
    assert!(schema["properties"]["backtrace"]["description"].is_string());
    assert_eq!(events["record.created"]["distributed"], true);
    let reference = events["cluster.gap"]["data"]["$ref"].as_str().unwrap();
    let schema = document.pointer(&reference[1..]).unwrap();
    let required = serde_json::json!(["origin", "incarnation", "first"]);
    assert_eq!(schema["required"], required);
    assert_eq!(events["cluster.gap"]["distributed"], false);
}

#[tokio::test]
async fn the_shorthand_is_described_by_what_reads_it() {
    let document = document().await;
    let schema = &document["components"]["schemas"]["NewEvent"];
    assert_eq!(schema["required"], serde_json::json!(["type"]));
    let mut body = serde_json::json!({"type": "t"});
    for member in schema["properties"].as_object().unwrap().keys() {
        // Only the type may not be null.
        body.as_object_mut()
            .unwrap()
            .entry(member.as_str())
            .or_insert(Value::Null);
    }
    assert_eq!(body.as_object().unwrap().len(), 7);
    let answer = publish(&router(), "application/json", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
}
