//! The routes: each translates requests into calls on the bus and on the operators' ports,
//! and results back.
//!
//! | file | what it translates |
//! | --- | --- |
//! | `publish` | `POST /v1/events`: shorthand and the three CloudEvents modes |
//! | `stream` | `GET /v1/events`: server-sent events |
//! | `wait` | `GET /v1/wait` |
//! | `channels` | `/v1/channels…` |
//! | `session` | `/connection/…`: sessions of clients, and what is published to their channels |
//! | `server_api` | `/api/…`: the API of Centrifugo for servers of applications |
//! | `dev` | `/dev/chat/`: a page to try them with |
//! | `ganomede` | `/events/v1…`: the API of ganomede-events |
//! | `plugins` | `/v1/plugins…` |
//! | `nodes` | `/v1/nodes` |
//! | `whoami` | `/v1/whoami` |
//! | `health` | `/livez`, `/readyz` |
//! | `description` | `/openapi.json` |
//! | `metrics` | `/metrics`: what is counted here, and what is read at each scrape |

pub(super) mod channels;
pub(super) mod description;
pub(super) mod dev;
pub(super) mod ganomede;
pub(super) mod health;
pub(super) mod metrics;
pub(super) mod nodes;
pub(super) mod plugins;
pub(super) mod publish;
pub(super) mod server_api;
pub(super) mod session;
pub(super) mod stream;
pub(super) mod wait;
pub(super) mod whoami;
