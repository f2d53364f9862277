//! What the page of settings says of the tables of access that have names of their own.

use super::form::{ALT_NAME, CHANNELS, CLAIM, KEY_HASH, KEY_SET_URL, PLACES, RATE, ROLE, TIME};
use crate::config::field::{Field, field, list};
use crate::config::form::{PATH, SWITCH};
use crate::config::pattern::PATTERN;

#[rustfmt::skip]
pub(in crate::config) const FIELDS: &[Field] = &[
    list("access.roles.NAME.publish", PATTERN.expected, "Types of events that it may publish"),
    list("access.roles.NAME.listen", PATTERN.expected, "Types of events that it may hear"),
    list("access.roles.NAME.append", CHANNELS.expected, "Channels that it may append to"),
    list("access.roles.NAME.read", CHANNELS.expected, "Channels that it may read"),
    field("access.roles.NAME.observe", SWITCH.expected, "`false`", "Whether it may see plugins, nodes and metrics, and list and show channels and sessions"),
    field("access.roles.NAME.operate", SWITCH.expected, "`false`", "Whether it may command the node"),
    field("access.roles.NAME.rate", RATE.expected, "no bound", "Events that each principal may publish"),
    field("access.roles.NAME.connections", PLACES.expected, "no bound", "Connections of each principal at a time"),
    field("access.roles.NAME.streams", PLACES.expected, "no bound", "Streams and waits of each principal at a time"),
    list("access.keys.NAME.keys", KEY_HASH.expected, "The keys, 1 to 4: two while one is replaced"),
    list("access.keys.NAME.roles", ROLE.expected, "What they may do"),
    field("access.keys.NAME.expires", TIME.expected, "never", "When they expire"),
    field("access.tokens.NAME.hmac_secret_file", PATH.expected, "one of the three", "File of a secret of 32 bytes or more, which issuer and node share"),
    field("access.tokens.NAME.public_key_file", PATH.expected, "one of the three", "PEM file of the issuer's public key"),
    field("access.tokens.NAME.jwks_url", KEY_SET_URL.expected, "one of the three", "Where the issuer's public keys are (JWKS)"),
    field("access.tokens.NAME.issuer", CLAIM.expected, "none: tokens whose issuer no other table names", "What its tokens claim as `iss`"),
    field("access.tokens.NAME.audience", CLAIM.expected, "none: tokens that claim none", "What its tokens claim as `aud`, perhaps beside others"),
    field("access.tokens.NAME.roles_claim", CLAIM.expected, "`roles`", "The claim that has the roles: a list, or a text with spaces between"),
    field("access.certificates.NAME.subject_alt_name", ALT_NAME.expected, "needed", "The name in it by which a client's certificate is known"),
    list("access.certificates.NAME.roles", ROLE.expected, "What its holder may do"),
];
