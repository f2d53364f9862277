//! Which addresses are nobody's business but those of this machine and its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses at which clouds tell their machines who they are, with credentials: those
/// that lie in no other range that is refused, or that no name may lead to.
const METADATA: [IpAddr; 7] = [
    // Alibaba, in the shared range of carriers.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's platform, which looks like any public address.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // EC2 and its containers, in a range of private networks.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Oracle and Scaleway, likewise.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

/// Google's, in a range of private networks.
const METADATA_GOOGLE: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254));

/// Where an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A network that is not part of the internet.
    Private,
    /// The link that the machine is on, a service of its cloud, nobody or everybody. No
    /// name leads there; who means it has to name the address.
    Special,
}

impl Reach {
    pub(super) fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        if METADATA.contains(&address) || address == METADATA_GOOGLE {
            return Self::Special;
        }
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// By the registry of special addresses (RFC 6890 and its successors).
    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            // This network; link-local; protocol assignments; documentation; relays of
            // 6to4; benchmarks.
            [0, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Special,
            // Multicast, reserved and broadcast.
            [224..=255, ..] => Self::Special,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            return Self::Loopback;
        }
        let segments = address.segments();
        let v4 = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match segments {
            // Unspecified, and IPv4 addresses in a form that is no longer used.
            [0, 0, 0, 0, 0, 0, ..] => Self::Special,
            // NAT64 (RFC 6052), also where a network has its own (RFC 8215): what is
            // behind it is reached over IPv4.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
            [0x64, 0xff9b, 1, ..] => Self::Special,
            // 6to4 (RFC 3056).
            [0x2002, high, low, ..] => v4(high, low),
            // Unique local (RFC 4193).
            [0xfc00..=0xfdff, ..] => Self::Private,
            // Of the rest only global unicast is the internet, but for Teredo and other
            // assignments of protocols, and for documentation.
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Special,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Special,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_internet_is_public() {
        for (address, reach) in [
            ("93.184.216.34", Reach::Public),
            ("172.15.0.1", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("2606:2800:220:1:248:1893:25c8:1946", Reach::Public),
            ("64:ff9b::5db8:d822", Reach::Public),
            ("2002:5db8:d822::1", Reach::Public),
            ("127.0.0.1", Reach::Loopback),
            ("127.255.255.254", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("64:ff9b::7f00:1", Reach::Loopback),
            ("2002:7f00:1::", Reach::Loopback),
            ("10.0.0.1", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("fd12::1", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::a00:1", Reach::Private),
            ("0.0.0.0", Reach::Special),
            ("::", Reach::Special),
            ("::127.0.0.1", Reach::Special),
            ("169.254.169.254", Reach::Special),
            ("::ffff:169.254.169.254", Reach::Special),
            ("64:ff9b::a9fe:a9fe", Reach::Special),
            ("64:ff9b:1::a9fe:a9fe", Reach::Special),
            ("2002:a9fe:a9fe::", Reach::Special),
            ("2001::1", Reach::Special),
            ("2001:db8::1", Reach::Special),
            ("fe80::1", Reach::Special),
            ("ff02::1", Reach::Special),
            ("224.0.0.1", Reach::Special),
            ("255.255.255.255", Reach::Special),
            ("240.0.0.1", Reach::Special),
            ("100.100.100.200", Reach::Special),
            ("168.63.129.16", Reach::Special),
            ("192.0.0.192", Reach::Special),
            ("fd00:ec2::254", Reach::Special),
            ("fd20:ce::254", Reach::Special),
            ("fd00:c1::a9fe:a9fe", Reach::Special),
            ("fd00:42::42", Reach::Special),
        ] {
            let parsed: IpAddr = address.parse().expect(address);
            assert_eq!(Reach::of(parsed), reach, "{address}");
        }
    }
}
