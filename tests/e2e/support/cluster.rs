//! Nodes that form a cluster, each in a process of its own.

use hearken::admin::NodeState;

use super::gate::Gate;
use super::plugin::Plugin;
use super::process::NodeProcess;

/// A node that is to be started.
pub struct Launch<'l> {
    plugins: Vec<Plugin>,
    arguments: Vec<String>,
    gate: Option<&'l Gate>,
}

/// A node of this name.
pub fn node<'l>(name: &str) -> Launch<'l> {
    let launch = Launch {
        plugins: Vec::new(),
        arguments: Vec::new(),
        gate: None,
    };
    launch.with(&["--node", name])
}

impl<'l> Launch<'l> {
    /// It has these plugins.
    pub fn plugins(mut self, plugins: impl IntoIterator<Item = Plugin>) -> Self {
        self.plugins.extend(plugins);
        self
    }

    /// It has these arguments.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        self.arguments.extend(arguments);
        self
    }

    /// It joins the node at this address.
    pub fn joins(self, address: &str) -> Self {
        self.with(&["--join", address])
    }

    /// It says that it is reached through this gate.
    pub fn behind(mut self, gate: &'l Gate) -> Self {
        self.gate = Some(gate);
        self.with(&["--cluster-advertise", &gate.address])
    }

    /// Starts it and waits until it serves.
    pub async fn start(self) -> NodeProcess {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let node = NodeProcess::start(self.plugins, &arguments).await;
        if let Some(gate) = self.gate {
            gate.leads_to(&node.cluster_address().await);
        }
        node
    }
}

/// Waits until each of the nodes has a link to each other.
pub async fn linked(nodes: &[&NodeProcess]) {
    for node in nodes {
        let itself = node.itself().await;
        for other in nodes {
            let other = other.itself().await;
            if other.incarnation != itself.incarnation {
                let is_linked = |seen: &hearken::admin::NodeStatus| {
                    seen.state == NodeState::Connected && seen.incarnation == other.incarnation
                };
                node.until_node(&other.name, is_linked).await;
            }
        }
    }
}

/// The linked nodes `a`, `b` and `c`, each with these plugins.
pub async fn three(plugins: &[Plugin]) -> [NodeProcess; 3] {
    let plugins = || plugins.iter().cloned();
    let a = node("a").plugins(plugins()).start().await;
    let address = a.cluster_address().await;
    let (b, c) = tokio::join!(
        node("b").plugins(plugins()).joins(&address).start(),
        node("c").plugins(plugins()).joins(&address).start(),
    );
    linked(&[&a, &b, &c]).await;
    [a, b, c]
}
