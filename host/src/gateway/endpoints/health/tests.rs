use std::sync::{Arc, Mutex};

use axum::http::StatusCode;

use crate::admin::{NodeHealth, Trouble};
use crate::gateway::test_support::{bus, gateway_with, get, post, publish};
use crate::gateway::{GatewayLimits, Readiness};

/// A store that fails while it is told to.
#[derive(Default)]
struct Store(Mutex<Vec<Trouble>>);

impl NodeHealth for Store {
    fn troubles(&self) -> Vec<Trouble> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_part_that_fails_is_named_and_events_are_taken_all_the_same() {
    let store = Arc::new(Store::default());
    let readiness = Readiness::of(Arc::clone(&store) as Arc<dyn NodeHealth>);
    readiness.plugins_loaded();
    let gateway = gateway_with(&bus(), GatewayLimits::default(), readiness);
    let router = gateway.router();
    assert_eq!(get(&router, "/readyz").await.status, StatusCode::OK);
    let healthy = get(&router, "/v1/nodes").await.json();
    assert!(healthy["nodes"][0].get("troubles").is_none(), "{healthy}");

    store.0.lock().unwrap().push(Trouble {
        part: "the store".to_owned(),
        reason: "no space left".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
    });
    let ill = get(&router, "/readyz").await;
    assert_eq!(ill.status, StatusCode::SERVICE_UNAVAILABLE);
    let problem = ill.problem();
    assert_eq!(problem["type"], "urn:hearken:problem:unhealthy");
    assert_eq!(
        problem["detail"],
        "the store has not worked since 2026-01-01T00:00:00Z: no space left"
    );
    let nodes = get(&router, "/v1/nodes").await.json();
    assert_eq!(nodes["nodes"][0]["troubles"][0]["part"], "the store");
    assert!(nodes["nodes"][1].get("troubles").is_none(), "{nodes}");
    assert_eq!(get(&router, "/livez").await.status, StatusCode::OK);
    let taken = publish(&router, "application/json", r#"{"type":"t"}"#).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED);

    store.0.lock().unwrap().clear();
    assert_eq!(get(&router, "/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn ready_means_plugins_loaded_and_not_draining() {
    let readiness = Readiness::default();
    let gateway = gateway_with(&bus(), GatewayLimits::default(), readiness.clone());
    let router = gateway.router();
    let starting = get(&router, "/readyz").await;
    assert_eq!(starting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(starting.problem()["type"], "urn:hearken:problem:starting");

    readiness.plugins_loaded();
    assert_eq!(get(&router, "/readyz").await.status, StatusCode::OK);

    gateway.context.draining.cancel();
    let draining = get(&router, "/readyz").await;
    assert_eq!(draining.problem()["type"], "urn:hearken:problem:draining");
    assert_eq!(get(&router, "/livez").await.status, StatusCode::OK);
    let session = post(&router, "/emulation").await;
    assert_eq!(
        session.problem()["type"],
        "urn:hearken:problem:sessions-off"
    );
}

#[tokio::test]
async fn events_are_taken_once_the_plugins_can_get_them() {
    let readiness = Readiness::default();
    let gateway = gateway_with(&bus(), GatewayLimits::default(), readiness.clone());
    let router = gateway.router();
    let early = publish(&router, "application/json", r#"{"type":"t"}"#).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(early.headers["retry-after"], "1");
    assert_eq!(early.problem()["type"], "urn:hearken:problem:starting");
    assert_eq!(get(&router, "/livez").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/v1/plugins").await.status, StatusCode::OK);

    readiness.plugins_loaded();
    let taken = publish(&router, "application/json", r#"{"type":"t"}"#).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED);
}
