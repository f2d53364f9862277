//! Names of interfaces, and which version of one does for another.

use semver::Version;

/// A name such as `wasi:http/types@0.2.3`; a plain name is all interface.
pub(super) struct Name<'a> {
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    pub(super) version: Option<&'a str>,
}

impl<'a> Name<'a> {
    pub(super) fn parse(name: &'a str) -> Self {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/').unwrap_or(("", path));
        Self {
            package,
            interface,
            version,
        }
    }
}

/// Whether a component that asks for version `wanted` runs with version `spoken`:
/// the rule by which components are linked. Drafts are compatible with themselves only.
pub(super) fn compatible(spoken: &str, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return false };
    if spoken == wanted {
        return true;
    }
    let (Ok(spoken), Ok(wanted)) = (Version::parse(spoken), Version::parse(wanted)) else {
        return false;
    };
    if !spoken.pre.is_empty() || !wanted.pre.is_empty() {
        return false;
    }
    match (spoken.major, spoken.minor) {
        (0, 0) => false,
        (0, minor) => (wanted.major, wanted.minor) == (0, minor),
        (major, _) => wanted.major == major,
    }
}
