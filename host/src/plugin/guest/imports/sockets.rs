//! `wasi:sockets`: no plugin gets a socket. The base refuses them without a
//! word; here the refusal is logged under the plugin's name.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::{TcpSocket, UdpSocket};

use super::linking::replace;
use crate::plugin::guest::state::Guest;

type Answer<T> = wasmtime::Result<(Result<Resource<T>, ErrorCode>,)>;

/// Takes the place of the base's functions that make a socket.
pub(super) fn refuse(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let (tcp, udp) = ("create-tcp-socket", "create-udp-socket");
    replace(
        linker,
        "wasi:sockets/tcp-create-socket@0.2.12",
        tcp,
        |instance, name| {
            instance.func_wrap(name, |store, _: (IpAddressFamily,)| -> Answer<TcpSocket> {
                Ok((refused(store.data()),))
            })
        },
    )?;
    replace(
        linker,
        "wasi:sockets/udp-create-socket@0.2.12",
        udp,
        |instance, name| {
            instance.func_wrap(name, |store, _: (IpAddressFamily,)| -> Answer<UdpSocket> {
                Ok((refused(store.data()),))
            })
        },
    )
}

fn refused<T>(guest: &Guest) -> Result<T, ErrorCode> {
    guest
        .plugin
        .log_refusal("wasi:sockets", "plugins get no sockets; use `wasi:http`");
    Err(ErrorCode::AccessDenied)
}
