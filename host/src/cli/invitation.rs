//! What a node that has started says about joining it.

use std::net::SocketAddr;

use crate::config::ClusterSettings;

/// Says where other nodes connect, and the command that makes one join; `address`
/// is where they are told to connect.
pub(super) fn invitation(program: &str, settings: &ClusterSettings, address: &str) -> String {
    let address = reachable(address);
    let mut join = format!("{program} run --join {address}");
    let default = ClusterSettings::default();
    if settings.name != default.name {
        join.push_str(&format!(" --cluster-name {}", settings.name));
    }
    if settings.tls.is_some() {
        return format!(
            "\nOther nodes connect to {address}. To join, with certificates by `hearken cluster cert NODE`:\n\
             \x20 {join} --node NODE --cluster-ca ca.crt --cluster-cert NODE.crt --cluster-key NODE.key\n"
        );
    }
    if settings.allow_plaintext && !settings.listen.ip().is_loopback() {
        return format!(
            "\nOther nodes connect to {address}, unencrypted. To join, on another machine:\n\
             \x20 {join} --cluster-allow-plaintext\n"
        );
    }
    format!(
        "\nOther nodes on this machine connect to {address}. To join, in another terminal:\n\
         \x20 {join} --node NODE --data NODE --listen 127.0.0.1:0 --cluster-listen 127.0.0.1:0\n\
         For other machines, run the node with certificates (`hearken cluster ca --help`)\n\
         or, in a network that you trust, with --cluster-allow-plaintext.\n"
    )
}

/// `address`, with the machine's name in the place of an unspecified address, at which
/// nobody can connect.
fn reachable(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(listen) if listen.ip().is_unspecified() => {
            let machine = hostname::get().ok();
            let machine = machine.and_then(|name| name.into_string().ok());
            let machine = machine.unwrap_or_else(|| "HOST".to_owned());
            format!("{machine}:{}", listen.port())
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsFiles;

    #[test]
    fn on_loopback_a_node_of_this_machine_is_invited_and_others_are_told_how() {
        let settings = ClusterSettings::default();
        let text = invitation("hearken", &settings, "127.0.0.1:7071");
        let command = "  hearken run --join 127.0.0.1:7071 --node NODE --data NODE \
                       --listen 127.0.0.1:0 --cluster-listen 127.0.0.1:0\n";
        assert!(text.contains(command), "{text}");
        assert!(text.contains("--cluster-allow-plaintext"), "{text}");
    }

    #[test]
    fn other_machines_are_invited_as_this_one_was_started() {
        let plain = ClusterSettings {
            name: "shop".to_owned(),
            listen: "0.0.0.0:7071".parse().unwrap(),
            allow_plaintext: true,
            ..ClusterSettings::default()
        };
        let text = invitation("./hearken", &plain, "a.example:7071");
        let command =
            "  ./hearken run --join a.example:7071 --cluster-name shop --cluster-allow-plaintext\n";
        assert!(text.contains(command), "{text}");

        let file = |name: &str| name.into();
        let tls = ClusterSettings {
            tls: Some(TlsFiles {
                ca: file("ca.crt"),
                certificate: file("a.crt"),
                key: file("a.key"),
                crl: None,
            }),
            ..plain
        };
        let text = invitation("hearken", &tls, "0.0.0.0:7071");
        assert!(!text.contains("0.0.0.0"), "{text}");
        let machine = hostname::get().unwrap().into_string().unwrap();
        let command = format!(
            "  hearken run --join {machine}:7071 --cluster-name shop --node NODE \
             --cluster-ca ca.crt --cluster-cert NODE.crt --cluster-key NODE.key\n"
        );
        assert!(text.contains(&command), "{text}");
    }
}
