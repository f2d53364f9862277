//! The forms of the values of access.

use std::net::IpAddr;

use hearken_pattern::Glob;
use http::Uri;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::access::{KeyHash, Rate, check_name};
use crate::config::form::{Form, Kind, count};

/// Longest name of a channel, and of a pattern of names, in bytes.
const MAX_CHANNEL_BYTES: usize = 255;

/// What a name has to be, for roles and whatever has roles.
pub(super) const NAME_EXPECTED: &str =
    "a name of 1 to 63 characters of A-Z a-z 0-9 . _ -, e.g. \"billing\"";

pub(super) const ROLE: Form<String> = Form::new(
    Kind::String,
    "the name of a role, e.g. \"shop\", \"admin\" or \"observer\"",
    |text| check_name(text).map(|()| text.to_owned()),
);

pub(in crate::config) const CHANNELS: Form<Glob> = Form::new(
    Kind::String,
    "the name of a channel, or with `*` the names of several, e.g. \"chat:*\"",
    |text| match text.chars().find(|c| !c.is_ascii_graphic()) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None if text.len() > MAX_CHANNEL_BYTES => Err(format!("it has {} characters", text.len())),
        None => Ok(Glob::new(text.to_owned())),
    },
);

pub(super) const RATE: Form<Rate> = Form::new(
    Kind::String,
    "a number of events and `/s`, `/m` or `/h`, e.g. \"1000/s\"",
    str::parse,
);

pub(super) const PLACES: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number from 1 to 1000000, e.g. 100",
    |text| count(text, 1, 1_000_000),
);

pub(super) const KEY_HASH: Form<KeyHash> = Form::new(
    Kind::String,
    "a line PUBLIC:sha256:HEX, as `hearken access key NAME` prints it",
    str::parse,
)
.hidden();

pub(super) const TIME: Form<u64> = Form::new(
    Kind::String,
    "a time of RFC 3339, e.g. \"2027-12-31T00:00:00Z\"",
    |text| {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "it is no such time")?;
        let millis = time.unix_timestamp_nanos() / 1_000_000;
        u64::try_from(millis).map_err(|_| "it is before 1970".to_owned())
    },
);

pub(super) const ALT_NAME: Form<String> = Form::new(
    Kind::String,
    "a subject alternative name of the certificate, e.g. \"edge.example.com\"",
    |text| match text.chars().find(|c| !c.is_ascii_graphic()) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None => Ok(text.to_owned()),
    },
);

/// An issuer, an audience or the name of a claim: any text that is not empty.
pub(super) const CLAIM: Form<String> = Form::new(
    Kind::String,
    "the text as it is in tokens, e.g. \"https://id.example.com\"",
    |text| match text {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned()),
    },
);

/// Whoever can change the keys on their way can be anybody: only this machine is asked
/// without TLS.
pub(super) const KEY_SET_URL: Form<String> = Form::new(
    Kind::String,
    "a URL of scheme https (or http on this machine), e.g. \"https://id.example.com/jwks.json\"",
    |text| {
        let uri: Uri = text.parse().map_err(|_| "it is no URL".to_owned())?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err("it is no URL".to_owned());
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let is_here =
            host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback());
        match scheme {
            _ if text.contains('@') => Err("it has a user or a password".to_owned()),
            "https" => Ok(text.to_owned()),
            "http" if is_here => Ok(text.to_owned()),
            "http" => Err("its scheme is http, but it is not on this machine".to_owned()),
            scheme => Err(format!("its scheme is {scheme}")),
        }
    },
);

/// An origin as browsers send it: in lower case, and without the scheme's own port.
pub(super) const ORIGIN: Form<String> = Form::new(
    Kind::String,
    "the origin of pages without a path, e.g. \"https://app.example.com\"",
    |text| {
        let wrong = || "it is no origin".to_owned();
        if text.contains('*') {
            return Err("wildcards are not supported; name every origin".to_owned());
        }
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        let own_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err("its scheme is neither `https` nor `http`".to_owned()),
        };
        if text.ends_with('/') || uri.path_and_query().is_some_and(|path| path != "/") {
            return Err("it has a path".to_owned());
        }
        let host = authority.host().to_ascii_lowercase();
        match authority.port_u16() {
            _ if host.is_empty() || text.contains('@') => Err(wrong()),
            None if authority.as_str().len() > host.len() => Err(wrong()),
            Some(port) if port != own_port => Ok(format!("{scheme}://{host}:{port}")),
            _ => Ok(format!("{scheme}://{host}")),
        }
    },
);
