//! `kubernetes/`.

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use hearken::channel::ChannelSettings;
use hearken::config::{CLUSTER_PORT, NodeConfig};
use serde_json::{Value, json};

use crate::program::{config, read};

/// Where the pods are.
const NAMESPACE: &str = "events";

/// Every object of the manifest.
fn objects() -> Vec<Value> {
    let text = read("kubernetes/hearken.yaml");
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// The one object of this kind and name.
fn object(kind: &str, name: &str) -> Value {
    let mut found = objects()
        .into_iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let object = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "{kind} {name} twice");
    object
}

fn nodes() -> Value {
    object("StatefulSet", "hearken")
}

fn pod() -> Value {
    nodes()["spec"]["template"]["spec"].clone()
}

fn container() -> Value {
    let containers = pod()["containers"].clone();
    assert_eq!(containers.as_array().map(Vec::len), Some(1));
    containers[0].clone()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is no list"))
}

/// As many bytes as Kubernetes means by `1Gi`.
fn bytes(value: &Value) -> u64 {
    let size: bytesize::ByteSize = format!("{}B", text(value)).parse().expect("a size");
    size.as_u64()
}

/// The configuration of the node in this pod.
fn configured(pod: &str) -> NodeConfig {
    let container = container();
    let variables: Vec<(String, String)> = list(&container["env"])
        .iter()
        .map(|variable| {
            let field = &variable["valueFrom"]["fieldRef"]["fieldPath"];
            let value = match field.as_str() {
                Some("metadata.name") => pod,
                Some("metadata.namespace") => NAMESPACE,
                Some(other) => panic!("unknown field {other}"),
                None => text(&variable["value"]),
            };
            (text(&variable["name"]).to_owned(), value.to_owned())
        })
        .collect();
    let arguments: Vec<String> = list(&container["args"])
        .iter()
        .map(|argument| {
            let expand = |argument: String, (name, value): &(String, String)| {
                argument.replace(&format!("$({name})"), value)
            };
            variables.iter().fold(text(argument).to_owned(), expand)
        })
        .collect();
    assert!(arguments.iter().all(|argument| !argument.contains("$(")));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    config(&arguments, &variables, |path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a file");
        let text = object("ConfigMap", "hearken")["data"][name].clone();
        std::fs::write(file.path(), self::text(&text)).expect("it can be written");
        file.path().to_owned()
    })
}

/// The number of the container's port of this name.
fn container_port(name: &Value) -> &'static str {
    let container = container();
    let ports = list(&container["ports"]);
    let port = ports.iter().find(|port| port["name"] == *name);
    let port = port.unwrap_or_else(|| panic!("the container has no port {name}"));
    let number = &port["containerPort"];
    let config = NodeConfig::default();
    if *number == config.listen.port() {
        "http"
    } else if *number == CLUSTER_PORT {
        "cluster"
    } else {
        panic!("the program does not listen on {number}")
    }
}

#[test]
fn each_pod_is_a_node_of_its_own_name() {
    for pod in ["hearken-0", "hearken-2"] {
        let config = configured(pod);
        assert_eq!(config.node, pod);
        let tls = config.cluster.tls.expect("links leave the machine");
        let folder = Path::new("/etc/hearken/tls");
        assert_eq!(tls.ca, folder.join("ca.crt"));
        assert_eq!(tls.certificate, folder.join(format!("{pod}.crt")));
        assert_eq!(tls.key, folder.join(format!("{pod}.key")));
    }
}

#[test]
fn a_process_that_compiles_fits_into_the_pod() {
    let memory = bytes(&container()["resources"]["limits"]["memory"]);
    let config = configured("hearken-0");
    assert!(config.compile.memory <= memory / 2, "{memory}");
}

#[test]
fn channels_fit_into_the_volume() {
    let nodes = nodes();
    let claims = list(&nodes["spec"]["volumeClaimTemplates"]);
    let volume = bytes(&claims[0]["spec"]["resources"]["requests"]["storage"]);
    let channels = configured("hearken-0").channels.max_bytes;
    // The cache of compiled code, and the journal.
    let others = (1 << 30) + (640 << 20);
    assert!(
        channels + others <= volume / 8 * 7,
        "{channels} of {volume}"
    );
    // A channel with the default settings drops its oldest events before all are refused.
    let channel = ChannelSettings::default().log.max_bytes;
    assert!(channel + channel / 8 < channels, "{channel} of {channels}");
}

#[test]
fn ports_are_those_of_the_program() {
    let config = configured("hearken-0");
    let default = NodeConfig::default();
    assert_eq!(config.listen.port(), default.listen.port());
    assert_eq!(config.cluster.listen.port(), CLUSTER_PORT);
    for address in [config.listen, config.cluster.listen] {
        assert!(address.ip().is_unspecified(), "{address}");
    }
    for (service, role) in [("hearken", "http"), ("hearken-nodes", "cluster")] {
        let service = object("Service", service);
        let ports = list(&service["spec"]["ports"]);
        assert_eq!(ports.len(), 1);
        assert_eq!(container_port(&ports[0]["targetPort"]), role);
        let number = match role {
            "http" => default.listen.port(),
            _ => CLUSTER_PORT,
        };
        assert_eq!(ports[0]["port"], number);
    }
    let policy = object("NetworkPolicy", "hearken");
    let roles: Vec<&str> = list(&policy["spec"]["ingress"])
        .iter()
        .flat_map(|rule| list(&rule["ports"]))
        .map(|port| container_port(&port["port"]))
        .collect();
    assert_eq!(roles, ["cluster", "http"]);
}

#[test]
fn clients_reach_nodes_under_the_names_of_the_service() {
    let service = object("Service", "hearken");
    let name = text(&service["metadata"]["name"]);
    let allowed = configured("hearken-0").allowed_hosts;
    for suffix in ["", ".events", ".events.svc", ".events.svc.cluster.local"] {
        let name = format!("{name}{suffix}");
        assert!(allowed.contains(&name), "{name}");
    }
}

#[test]
fn the_certificate_for_clients_has_all_names_of_the_service() {
    let allowed = configured("hearken-0").allowed_hosts;
    for file in ["kubernetes/hearken.yaml", "../docs/cluster.md"] {
        let text = read(file);
        let command = text.split("hearken access certificate ").find_map(|rest| {
            let (hosts, _) = rest.split_once(" --ca ")?;
            hosts.starts_with("hearken ").then_some(hosts)
        });
        let hosts: Vec<String> = command
            .expect("it makes a certificate for the service")
            .split_whitespace()
            // A line that goes on, which is a comment in the manifest.
            .filter(|word| !["\\", "#"].contains(word))
            .map(|host| host.replace("EVENTS", NAMESPACE))
            .collect();
        assert_eq!(hosts, allowed, "{file}");
    }
}

#[test]
fn nodes_find_each_other_by_the_headless_service() {
    let name = nodes()["spec"]["serviceName"].clone();
    let name = text(&name);
    let service = object("Service", name);
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    let cluster = configured("hearken-1").cluster;
    assert_eq!(cluster.join, [format!("{name}:{CLUSTER_PORT}")]);
    let advertised = format!("hearken-1.{name}:{CLUSTER_PORT}");
    assert_eq!(cluster.advertise, Some(advertised));
}

#[test]
fn everything_selects_the_pods() {
    let nodes = nodes();
    let labels = &nodes["spec"]["template"]["metadata"]["labels"];
    assert!(labels.as_object().is_some_and(|labels| !labels.is_empty()));
    let policy = object("NetworkPolicy", "hearken");
    let budget = object("PodDisruptionBudget", "hearken");
    for selector in [
        &nodes["spec"]["selector"]["matchLabels"],
        &pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        &object("Service", "hearken")["spec"]["selector"],
        &object("Service", "hearken-nodes")["spec"]["selector"],
        &budget["spec"]["selector"]["matchLabels"],
        &policy["spec"]["podSelector"]["matchLabels"],
        &policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    assert_eq!(objects().len(), 6, "a new object is selected as well?");
}

#[tokio::test]
async fn probes_ask_what_the_program_answers() {
    let container = container();
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/livez"),
    ] {
        let probe = &container[probe]["httpGet"];
        assert_eq!(container_port(&probe["port"]), "http");
        assert_eq!(probe["path"], path);
        assert_eq!(probe["scheme"], "HTTPS");
        assert_eq!(crate::program::get(path).await, StatusCode::OK, "{path}");
    }
    let nowhere = crate::program::get("/nowhere").await;
    assert_eq!(nowhere, StatusCode::NOT_FOUND);
}

#[test]
fn a_node_has_the_time_to_drain() {
    let seconds = |value: &Value| Duration::from_secs(value.as_u64().expect("seconds"));
    let grace = seconds(&pod()["terminationGracePeriodSeconds"]);
    let before = seconds(&container()["lifecycle"]["preStop"]["sleep"]["seconds"]);
    let needed = before + configured("hearken-0").shutdown_timeout;
    assert!(grace > needed, "{grace:?} for {needed:?}");
}

#[test]
fn folders_are_volumes_and_only_the_data_is_written() {
    let config = configured("hearken-0");
    let (nodes, pod, container) = (nodes(), pod(), container());
    let mount = |folder: &Path| {
        let mounts = list(&container["volumeMounts"]).iter();
        let mut mounts = mounts.filter(|mount| folder.starts_with(text(&mount["mountPath"])));
        let mount = mounts
            .next()
            .unwrap_or_else(|| panic!("{folder:?} is no volume"));
        let name = text(&mount["name"]);
        let volumes = list(&pod["volumes"]).iter();
        let volume = volumes.clone().find(|volume| volume["name"] == name);
        (name, mount["readOnly"] == true, volume)
    };
    let claims = list(&nodes["spec"]["volumeClaimTemplates"]);
    let (data, read_only, volume) = mount(&config.data);
    assert!(!read_only && volume.is_none());
    assert!(claims.iter().any(|claim| claim["metadata"]["name"] == data));
    let (_, read_only, plugins) = mount(&config.plugins);
    assert!(read_only && plugins.is_some());
    let (_, read_only, tls) = mount(&config.cluster.tls.expect("there is TLS").key);
    let secret = &tls.expect("a volume of the pod")["secret"];
    assert!(read_only && secret["secretName"] == "hearken-tls");
    assert_eq!(secret["defaultMode"], 0o440);
    // As `kubectl create secret tls` names them.
    let tls = config.http.tls.expect("HTTP leaves the machine");
    let folder = Path::new("/etc/hearken/http");
    assert_eq!(tls.certificate, folder.join("tls.crt"));
    assert_eq!(tls.key, folder.join("tls.key"));
    let (_, read_only, http) = mount(&tls.key);
    let secret = &http.expect("a volume of the pod")["secret"];
    assert!(read_only && secret["secretName"] == "hearken-http");
    assert_eq!(secret["defaultMode"], 0o440);
}

#[test]
fn clients_are_asked_who_they_are() {
    let config = configured("hearken-0");
    assert!(!config.allow_unauthenticated && !config.http.allow_plaintext);
    assert_eq!(config.access.keys["ops"].roles[0].value, "admin");
    let mounts = container()["volumeMounts"].clone();
    let folder = list(&mounts).iter().find(|mount| mount["name"] == "config");
    // A folder, since a single file that is mounted does not change.
    assert_eq!(
        folder.expect("it is mounted")["mountPath"],
        "/etc/hearken/config"
    );
}

#[test]
fn pods_get_no_more_than_they_need() {
    let (pod, container) = (pod(), container());
    for token_or_link in ["automountServiceAccountToken", "enableServiceLinks"] {
        assert_eq!(pod[token_or_link], false, "{token_or_link}");
    }
    let user = &pod["securityContext"]["runAsUser"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let image = read("Dockerfile");
    assert!(image.contains(&format!("\nUSER {user}:{user}\n")), "{user}");
    let expected = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container["securityContext"], expected);
    assert!(container["resources"]["limits"]["memory"].is_string());
}

#[test]
fn the_image_is_that_of_this_version() {
    let image = format!("hearken:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container()["image"], *image);
    for file in ["Dockerfile", "kubernetes/hearken.yaml"] {
        let build = format!("docker build -f host/deploy/Dockerfile -t {image} .\n");
        assert!(read(file).contains(&build), "{file}");
    }
}
