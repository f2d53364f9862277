use axum::http::StatusCode;

use super::super::GatewayLimits;
use super::super::test_support::{bus, gateway_with, get, publish};
use super::Readiness;

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
