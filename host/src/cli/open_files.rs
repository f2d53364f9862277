//! How many files, and so connections, a node may have open.

/// Files besides connections of HTTP: plugins, data, links to other nodes.
#[cfg(unix)]
const OTHERS: u64 = 256;

/// Lets the process open as many files as the system lets it, of which a login shell gives
/// it only some, and says when they will not do for `connections`.
#[cfg(unix)]
pub(super) fn allow(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, all) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "cannot raise the number of open files");
            current
        }
    };
    let needed = connections as u64 + OTHERS;
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "the system lets this process open too few files for `http.max_connections`; \
             raise the limit (`ulimit -n`, LimitNOFILE=), or lower the setting"
        );
    }
}

/// Where files are not counted there is nothing to do.
#[cfg(not(unix))]
pub(super) fn allow(_: usize) {}
