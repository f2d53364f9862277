//! The forms of the values of access.

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

pub(super) const CHANNELS: Form<Glob> = Form::new(
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
    "a name that stands in the certificate as a subject alternative name, e.g. \"edge.example.com\"",
    |text| match text.chars().find(|c| !c.is_ascii_graphic()) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None => Ok(text.to_owned()),
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
