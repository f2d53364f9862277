//! Sessions by what their clients send and get.

mod across;
mod acting;
mod company;
mod connecting;
mod durable;
mod far_logs;
mod handing;
mod homes;
mod hooks;
mod lagging;
mod namespaced;
mod order;
mod passed_on;
mod presence;
mod publishing;
mod recovery;
mod server;
mod standing_still;
mod subscribing;
mod timing;
mod watching;
