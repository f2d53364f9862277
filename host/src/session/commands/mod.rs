//! What a client can ask for, a file each.

mod connect;
mod history;
mod presence;
mod publish;
mod refresh;
mod rpc;
mod subscribe;
