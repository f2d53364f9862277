//! Sessions by what their clients send and get.

mod connecting;
mod hooks;
mod order;
mod presence;
mod publishing;
mod recovery;
mod server;
mod subscribing;
mod timing;
