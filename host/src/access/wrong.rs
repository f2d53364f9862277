//! Who gives wrong credentials again and again is told to wait. It bounds how fast one
//! address can try, and what its tries cost in log lines and events.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong credentials that an address may give within [`WINDOW`].
const MAX_WRONG: u32 = 10;

/// The time that wrong credentials are counted for.
const WINDOW: Duration = Duration::from_secs(10);

/// Addresses that are counted at a time, about 256 KiB. Whoever tries from more of them gets
/// answers without waiting, which does not bring a guess of 256 bits nearer.
const MAX_ADDRESSES: usize = 4096;

/// The wrong credentials of the last seconds, by address.
#[derive(Debug, Default)]
pub(super) struct WrongCredentials(Mutex<HashMap<IpAddr, Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    wrong: u32,
}

impl WrongCredentials {
    /// Counts a wrong credential; the time to wait if there were too many.
    pub(super) fn count(&self, from: IpAddr) -> Option<Duration> {
        let now = Instant::now();
        let over = |window: &Window| now.duration_since(window.began) >= WINDOW;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = counted(from);
        if windows.len() >= MAX_ADDRESSES && !windows.contains_key(&address) {
            windows.retain(|_, window| !over(window));
            if windows.len() >= MAX_ADDRESSES {
                windows.clear();
            }
        }
        let fresh = || Window {
            began: now,
            wrong: 0,
        };
        let window = windows.entry(address).or_insert_with(fresh);
        if over(window) {
            *window = fresh();
        }
        window.wrong = window.wrong.saturating_add(1);
        (window.wrong > MAX_WRONG).then(|| window.began + WINDOW - now)
    }
}

/// The address that is counted: of IPv6 the /64, which one host has whole.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_within_ten_seconds_has_to_wait() {
        let wrong = WrongCredentials::default();
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..10 {
            assert_eq!(wrong.count(from("192.0.2.1")), None);
            assert_eq!(wrong.count(from("2001:db8::1")), None);
        }
        tokio::time::advance(Duration::from_secs(4)).await;
        let rest = Some(Duration::from_secs(6));
        assert_eq!(wrong.count(from("192.0.2.1")), rest);
        assert_eq!(wrong.count(from("::ffff:192.0.2.1")), rest);
        assert_eq!(wrong.count(from("2001:db8::ffff:0:0:2")), rest);
        assert_eq!(wrong.count(from("2001:db8:0:1::1")), None);
        assert_eq!(wrong.count(from("192.0.2.2")), None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(wrong.count(from("192.0.2.1")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_without_end_take_bounded_memory() {
        let wrong = WrongCredentials::default();
        for n in 0..3 * MAX_ADDRESSES as u32 {
            wrong.count(std::net::Ipv4Addr::from_bits(n).into());
        }
        assert!(wrong.0.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
