//! Nodes on machines of their own, as far as the network can tell: each in a
//! network namespace, with a cable to a common switch.
//!
//! Linux lets only root do that, or who is allowed as much.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::lacking;

/// A switch and what is plugged into it; gone when dropped.
pub struct Network {
    /// Begins the names of its namespaces, unlike those of all other networks.
    prefix: String,
    machines: Vec<String>,
}

/// One of the machines: a namespace, and its two addresses.
pub struct Machine {
    namespace: String,
    /// Where the test reaches it, whatever happens to the cable.
    pub managed_at: String,
    /// Where the other machines reach it.
    pub reached_at: String,
}

/// Counts the networks.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// Counts the machines of all networks.
static MACHINES: AtomicU32 = AtomicU32::new(0);

/// Whether networks can be made here; where not, says why on stderr.
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let probe = format!("hearken-{}-probe", std::process::id());
        let made = [
            format!("netns add {probe}"),
            format!("-n {probe} link add dummy type veth peer name other"),
        ]
        .iter()
        .try_for_each(|command| ip(command));
        let shaped = made.and_then(|()| {
            let shape = format!("netns exec {probe} tc qdisc add dev dummy root netem delay 1ms");
            ip(&shape)
        });
        let _ = ip(&format!("netns delete {probe}"));
        if let Err(error) = &shaped {
            lacking(&format!(
                "no network namespaces with all that their tests need: {error}"
            ));
        }
        shaped.is_ok()
    })
}

impl Network {
    /// A switch that nothing is plugged into.
    ///
    /// # Panics
    /// Where namespaces are not [`available`].
    pub fn new() -> Self {
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            prefix: format!("hearken-{}-{number}", std::process::id()),
            machines: Vec::new(),
        };
        let switch = network.switch();
        network.run(&format!("netns add {switch}"));
        network.run(&format!("-n {switch} link add bridge type bridge"));
        network.run(&format!("-n {switch} link set bridge up"));
        network
    }

    /// Plugs in another machine.
    pub fn machine(&mut self) -> Machine {
        let (switch, number) = (self.switch(), self.machines.len() + 1);
        let namespace = format!("{}-{number}", self.prefix);
        self.run(&format!("netns add {namespace}"));
        self.machines.push(namespace.clone());
        let in_namespace = |command: &str| self.run(&format!("-n {namespace} {command}"));
        in_namespace("link set lo up");

        // To the switch.
        let reached_at = format!("198.18.0.{number}");
        in_namespace(&format!(
            "link add cable type veth peer name m{number} netns {switch}"
        ));
        in_namespace(&format!("address add {reached_at}/24 dev cable"));
        in_namespace("link set cable up");
        self.run(&format!("-n {switch} link set m{number} master bridge up"));

        // To the test: two addresses that no other machine, and hardly one of another
        // process, has.
        let counted = MACHINES.fetch_add(1, Ordering::Relaxed);
        let network = std::process::id().wrapping_mul(64).wrapping_add(counted);
        let (high, low) = ((network >> 6) & 0xff, (network & 0x3f) * 4);
        let near = format!("198.19.{high}.{}", low + 1);
        let managed_at = format!("198.19.{high}.{}", low + 2);
        let outside = format!("hk{:x}", network & 0xff_ffff);
        in_namespace(&format!(
            "link add test type veth peer name {outside} netns {}",
            std::process::id()
        ));
        in_namespace(&format!("address add {managed_at}/30 dev test"));
        in_namespace("link set test up");
        self.run(&format!("address add {near}/30 dev {outside}"));
        self.run(&format!("link set {outside} up"));
        Machine {
            namespace,
            managed_at,
            reached_at,
        }
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.prefix)
    }

    fn run(&self, command: &str) {
        ip(command).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Machine {
    /// How a program is run on it: what goes before its name.
    pub fn run(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.namespace]
    }

    /// Plugs its cable in or out.
    pub fn plugged(&self, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        let command = format!("-n {} link set cable {state}", self.namespace);
        ip(&command).unwrap_or_else(|error| panic!("{error}"));
    }

    /// What it sends is from now on delayed, lost and so on, as `tc` says it.
    pub fn suffers(&self, netem: &str) {
        let command = format!(
            "netns exec {} tc qdisc replace dev cable root netem {netem}",
            self.namespace
        );
        ip(&command).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // With the namespaces go their ends of the cables, and so the other ends.
        for namespace in self.machines.iter().chain([&self.switch()]) {
            if let Err(error) = ip(&format!("netns delete {namespace}")) {
                eprintln!("{error}");
            }
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("cannot run `ip`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`ip {arguments}` failed: {}", said.trim()))
}
