//! The numbers of `limits.md` are those of the code.

use std::time::Duration;

use hearken::bus::MailboxLimits;
use hearken::channel::ChannelSettings;
use hearken::config::NodeConfig;
use hearken::gateway::GatewayLimits;
use hearken_channel_log::memory::MemorySettings;

use crate::page::Page;
use crate::source::Source;

/// The beginning of what a row of the page is about, and the numbers of its bound in their
/// order: counts, bytes, milliseconds.
type Row = (&'static str, Vec<u64>);

#[test]
fn bounds_are_those_of_the_code() {
    let rows = Page::read("host/docs/limits.md").rows("what");
    let known = known();
    for (cells, (what, numbers)) in rows.iter().zip(&known) {
        assert!(cells[0].starts_with(what), "{} is not {what}", cells[0]);
        assert_eq!(numbers_of(&cells[1]), *numbers, "{}", cells[0]);
    }
    assert_eq!(rows.len(), known.len(), "each row is known here");
}

fn known() -> Vec<Row> {
    let source = Source::read();
    let of = |name: &str| source.value(name);
    let config = NodeConfig::default();
    let limits = &config.limits;
    let gateway = GatewayLimits::default();
    let mailbox = MailboxLimits::default();
    assert_eq!(
        (limits.mailbox, limits.mailbox_bytes),
        (mailbox.events, mailbox.bytes),
        "streams and plugins have one default"
    );
    let mut rows = vec![
        // Events.
        (
            "event, attributes included",
            vec![number(config.max_event_size)],
        ),
        ("event type", vec![of("event/MAX_TYPE_BYTES")]),
        ("any other attribute", vec![of("MAX_ATTRIBUTE_BYTES")]),
        ("extension attributes", vec![of("MAX_EXTENSIONS")]),
        ("nesting of JSON", vec![of("event/MAX_DEPTH")]),
        ("pattern", vec![of("MAX_PATTERN_BYTES")]),
        ("alternatives of a pattern", vec![of("MAX_ALTERNATIVES")]),
        (
            "mailbox",
            vec![number(limits.mailbox), number(limits.mailbox_bytes)],
        ),
        // Plugin files.
        ("component file", vec![of("MAX_COMPONENT_BYTES")]),
        ("text of a plugin", vec![of("MAX_TEXT_BYTES")]),
        (
            "texts of a plugin",
            vec![of("MAX_TEXTS"), of("MAX_TEXTS_BYTES")],
        ),
        (
            "source maps of a plugin together",
            vec![of("MAX_MAPS_BYTES")],
        ),
        ("manifest", vec![of("MAX_MANIFEST_BYTES")]),
        ("name of a plugin", vec![of("MAX_PLUGIN_NAME_BYTES")]),
        ("secrets of a manifest", vec![of("MAX_SECRETS")]),
        (
            "compiling a component",
            vec![millis(config.compile.timeout), config.compile.memory],
        ),
        (
            "compiling the engine",
            vec![of("workers/ENGINE_TIMEOUT"), of("ENGINE_MEMORY")],
        ),
        (
            "taking the types out",
            vec![of("blanking/DEADLINE"), of("errand/MEMORY")],
        ),
        (
            "folders in the plugins folder",
            vec![of("survey/MAX_FOLDERS"), of("survey/MAX_FILES")],
        ),
        ("nesting of components", vec![of("nesting/MAX_DEPTH")]),
        (
            "memories, tables and core instances",
            vec![
                of("MAX_MEMORIES"),
                of("MAX_TABLES"),
                of("MAX_CORE_INSTANCES"),
            ],
        ),
        ("what the instances", vec![of("instance_size/MAX_BYTES")]),
        (
            "code of a compiled component",
            vec![
                of("SMALL_ANSWER_BYTES"),
                of("ANSWER_FOR_COMPONENT"),
                of("MAX_ANSWER_BYTES"),
            ],
        ),
        ("patterns of a plugin", vec![of("MAX_GLOBS")]),
        ("patterns of `publish`", vec![of("MAX_GLOBS")]),
        ("two patterns", vec![of("MAX_BYTES_OF_TWO")]),
        ("listeners of a plugin", vec![of("MAX_LISTENERS")]),
        ("channels that a plugin consumes", vec![of("MAX_CONSUMED")]),
        ("name of a listener", vec![of("MAX_LABEL_BYTES")]),
        (
            "components compiled at a time",
            vec![of("MAX_WORKERS"), of("workers/LONG")],
        ),
        ("compiled functions", vec![of("function_cache/MAX_BYTES")]),
        ("cache of compiled code", vec![of("MAX_CACHE_BYTES")]),
        (
            "wait for a disk",
            vec![
                of("FOLDER_WITHIN"),
                of("COMPONENT_WITHIN"),
                of("SECRET_WITHIN"),
                of("CODE_WITHIN"),
            ],
        ),
        ("wait of a guest", vec![of("LOOK_WITHIN")]),
        // Plugins at work.
        ("memory of an instance", vec![limits.memory]),
        (
            "each element of its tables",
            vec![of("TABLE_ELEMENT_BYTES")],
        ),
        ("each body of a request", vec![of("http/BODY_BYTES")]),
        (
            "each open HTTP connection",
            vec![of("plugin/CONNECTION_BYTES")],
        ),
        ("tables of an instance", vec![of("MAX_TABLE_ELEMENTS")]),
        ("stack of a guest", vec![of("GUEST_STACK_BYTES")]),
        ("stack of a text", vec![of("config/STACK_BYTES")]),
        ("time of an event", vec![millis(limits.deadline)]),
        (
            "open handles",
            vec![of("MAX_HANDLES"), of("MAX_COMPONENT_HANDLES")],
        ),
        ("bytes of one call", vec![of("CALL_SLACK_BYTES")]),
        ("waits of an instance", vec![of("waiting/MAX_WAITS")]),
        (
            "of a text: waits, requests",
            vec![
                of("drive/MAX_OPERATIONS"),
                of("bodies/MAX_BODIES"),
                of("timers/MAX_TIMERS"),
            ],
        ),
        (
            "of a text: what it hands over",
            vec![
                of("CALL_SLACK_BYTES") - of("text/SLACK_BYTES"),
                of("text/MAX_NAME_BYTES"),
            ],
        ),
        ("random bytes", vec![of("MAX_RANDOM_BYTES")]),
        ("bytes printed", vec![of("MAX_WRITE_BYTES")]),
        ("lines printed", vec![of("MAX_LINES_A_CALL")]),
        (
            "lines that a plugin logs",
            vec![of("BURST_LINES"), of("LINES_A_SECOND")],
        ),
        ("length of a line", vec![of("MAX_LINE_BYTES")]),
        ("log lines of the node", vec![of("QUEUED_LINES")]),
        ("error text", vec![of("batch/MAX_REASON_BYTES")]),
        (
            "`plugin.failed`",
            vec![of("FAILURE_BURST"), of("FAILURES_A_SECOND")],
        ),
        (
            "events that a plugin sends",
            vec![of("BURST"), of("A_SECOND")],
        ),
        (
            "events of a page that a plugin reads",
            vec![of("MAX_PAGE_EVENTS"), of("MAX_PAGE_BYTES")],
        ),
        (
            "HTTP requests of a plugin under way",
            vec![number(limits.http_requests)],
        ),
        ("bytes of the bodies that a plugin", vec![limits.http_bytes]),
        ("addresses of a host", vec![of("connector/MAX_ADDRESSES")]),
        (
            "hosts by which the HTTP requests",
            vec![of("requests/MAX_HOSTS"), of("requests/MAX_OUTCOMES")],
        ),
        ("secret of a plugin", vec![of("MAX_SECRET_BYTES")]),
        (
            "replaced secrets of a plugin that",
            vec![of("redaction/MAX_REPLACED")],
        ),
        (
            "header fields of an HTTP message",
            vec![of("MAX_FIELDS_BYTES"), of("MAX_FIELDS")],
        ),
        (
            "method, authority and path",
            vec![
                of("MAX_METHOD_BYTES"),
                of("MAX_AUTHORITY_BYTES"),
                of("MAX_PATH_BYTES"),
            ],
        ),
    ];
    rows.extend([
        // The key-value store.
        ("key", vec![of("MAX_KEY_BYTES")]),
        ("value", vec![of("MAX_VALUE_BYTES")]),
        (
            "bucket",
            vec![of("MAX_BUCKET_BYTES"), of("RECORD_OVERHEAD_BYTES")],
        ),
        ("one change", vec![of("MAX_CHANGE_BYTES")]),
        ("records of one call", vec![of("plugin/MAX_RECORDS")]),
        (
            "changes of a plugin",
            vec![of("WORK_A_SECOND"), of("PAGE_BYTES")],
        ),
        (
            "changes that wait",
            vec![of("WAITING_KIB") << 10, of("queue/MAX_BYTES")],
        ),
        (
            "values of one",
            vec![of("MAX_READ_BYTES"), of("MAX_KEYS_READ")],
        ),
        (
            "keys in one answer",
            vec![of("KEYS_A_PAGE"), of("MAX_READ_BYTES")],
        ),
        ("cursors of lists", vec![of("store/REMEMBERED")]),
        ("a call", vec![of("store/DEADLINE")]),
    ]);
    let channels = &config.channels;
    let channel = ChannelSettings::default();
    let memory = MemorySettings::default();
    rows.extend([
        // Channels.
        (
            "name of a channel",
            vec![number(hearken_channel_log::MAX_CHANNEL_NAME_BYTES)],
        ),
        ("channels of a node", vec![number(channels.max_channels)]),
        (
            "bytes of all channels",
            vec![channels.max_bytes, memory.max_bytes],
        ),
        ("events that the journal", vec![of("recovery/MAX_HELD")]),
        ("events of a channel", vec![channel.log.max_bytes]),
        ("bytes of a channel beyond", vec![of("requests/MAX_OVER")]),
        (
            "batch into a channel",
            vec![
                number(hearken_channel_log::MAX_BATCH_EVENTS),
                number(hearken_channel_log::MAX_BATCH_BYTES),
            ],
        ),
        (
            "ids that a node remembers",
            vec![number(hearken_channel_log::MAX_DEDUPE_KEYS)],
        ),
        ("an append", vec![of("APPEND_TIME")]),
        ("appends of a plugin", vec![of("MAX_APPENDING_BYTES")]),
        ("whatever else", vec![of("channel/ENGINE_TIMEOUT")]),
        ("a change of a channel", vec![of("channel/TURN")]),
        (
            "events of one answer",
            vec![of("channels/MAX_LIMIT"), of("channel/MAX_READ")],
        ),
        ("times that a read looks", vec![of("MAX_TRIES")]),
        (
            "events that are looked at",
            vec![of("MAX_SCANNED"), of("MAX_SCANNED_BYTES")],
        ),
        (
            "what a stream of a channel",
            vec![of("STREAM_READ.events"), of("STREAM_READ.bytes")],
        ),
        (
            "pages of channels on disk",
            vec![of("READS_AT_ONCE"), of("TURN_WITHIN")],
        ),
        ("`wait` of a read", vec![of("LONGEST_READ_WAIT")]),
        (
            "cursors of a channel",
            vec![
                of("MAX_CURSORS"),
                of("MAX_CURSORS_OF_ONE"),
                of("MAX_CLIENT_BYTES"),
            ],
        ),
        (
            "readers whose unread",
            vec![of("channel/MAX_KEPT"), of("MAX_INDEXES")],
        ),
        (
            "name of an index",
            vec![of("MAX_INDEX_NAME_BYTES"), of("MAX_FIELD_BYTES")],
        ),
        ("value that is indexed", vec![of("MAX_INDEXED_BYTES")]),
        ("time that is waited for an index", vec![of("CATCH_UP")]),
        (
            "events of a plugin's window",
            vec![of("consumer/MAX_WINDOW"), of("consumer/MAX_BYTES")],
        ),
        (
            "what a plugin has appended in the course of events",
            vec![of("MAX_OUTPUTS")],
        ),
        (
            "reason of a dead letter",
            vec![of("reason/MAX_REASON_BYTES")],
        ),
        ("body of a change", vec![of("channels/MAX_BODY_BYTES")]),
        ("secret of `[ganomede]`", vec![of("MAX_GANOMEDE_SECRET")]),
        (
            "events that an index finds",
            vec![of("MAX_ROWS"), of("MAX_ROW_BYTES"), of("LOOKED_FOR")],
        ),
    ]);
    rows.extend([
        // HTTP.
        ("connections", vec![number(config.http.connections())]),
        ("event streams", vec![number(config.http.max_streams)]),
        ("waits", vec![number(config.http.max_waits)]),
        ("of these three", vec![number(config.http.address_share)]),
        (
            "head of a request",
            vec![number(gateway.head_bytes), number(gateway.headers)],
        ),
        ("body of one event", vec![of("ENVELOPE_BYTES")]),
        (
            "body of a batch",
            vec![of("BATCH_FACTOR"), number(gateway.batch_events)],
        ),
        (
            "memory of all of HTTP",
            vec![number(config.http.total_memory(config.max_event_size))],
        ),
        (
            "of that, each connection",
            vec![
                of("config/CONNECTION_BYTES"),
                of("config/TLS_CONNECTION_BYTES"),
            ],
        ),
        ("time to agree on TLS", vec![millis(gateway.handshake_time)]),
        (
            "requests at a time on a connection of HTTP/2",
            vec![of("http2/MAX_STREAMS"), of("http2/MAX_ABANDONED")],
        ),
        (
            "what a request of HTTP/2 takes",
            vec![of("http2/REQUEST_BYTES")],
        ),
        ("of the rest, bodies", vec![of("HEAD_ROOM")]),
        ("of these, what one address has", vec![]),
        ("of the rest, what waits", vec![]),
        (
            "time to send a request's head",
            vec![millis(gateway.head_time), millis(gateway.body_time)],
        ),
        (
            "time that a client reads nothing",
            vec![millis(gateway.write_stall), millis(gateway.grace)],
        ),
        ("`timeout` of a wait", vec![millis(gateway.longest_wait)]),
        ("principals that use one connection", vec![of("MAX_GUESTS")]),
        ("principals whose refusals", vec![of("MAX_PRINCIPALS")]),
        (
            "command on a plugin",
            vec![millis(gateway.command_time), of("COMMANDS")],
        ),
    ]);
    rows.extend([
        // Access.
        ("keys of one name", vec![of("settings/MAX_KEYS")]),
        ("patterns of a role", vec![of("MAX_RIGHTS")]),
        ("token", vec![of("MAX_TOKEN_BYTES")]),
        ("tokens that are remembered", vec![of("MAX_TOKENS")]),
        (
            "public keys of an issuer",
            vec![of("MAX_KEY_SET"), of("MAX_SET_KEYS")],
        ),
        (
            "time to fetch them",
            vec![of("FETCH_DEADLINE"), of("key_sets/PAUSE")],
        ),
        (
            "wrong credentials of one address",
            vec![of("MAX_WRONG"), of("wrong/WINDOW")],
        ),
        (
            "addresses that are counted so",
            vec![of("wrong/MAX_ADDRESSES")],
        ),
        ("principals whose budget", vec![of("MAX_BUDGETS")]),
    ]);
    rows.extend([
        // Sessions.
        (
            "name of a session channel",
            vec![of("session/MAX_NAME_BYTES")],
        ),
        (
            "`channel_regex`",
            vec![of("channel_regex/MAX_BYTES"), of("MAX_COMPILED")],
        ),
        (
            "history of a channel in memory",
            vec![of("MAX_HISTORY_BYTES")],
        ),
        (
            "idempotency keys of a channel",
            vec![
                of("idempotency/MAX_KEYS"),
                of("KEYS_TTL"),
                of("MAX_FRESH_KEYS"),
                of("idempotency/FRESH"),
            ],
        ),
        ("tags of a publication", vec![of("namespace/MAX_TAGS")]),
        (
            "time in which a connection has to say who it is",
            vec![of("timing/STALE")],
        ),
        (
            "time to take what it is still sent once it is over",
            vec![of("conversation/CLOSE_TIME"); 2],
        ),
        ("time to renew a token", vec![of("entering/EXPIRED_GRACE")]),
        (
            "nesting of JSON that a client sends",
            vec![of("event/MAX_DEPTH")],
        ),
        ("name and version of a client", vec![of("connect/MAX_NAME")]),
        (
            "publications that a session gets",
            vec![of("MAX_RECOVERED")],
        ),
        (
            "of a durable channel, what waits",
            vec![of("outbox/MAX_WINDOW")],
        ),
        (
            "of that, what was read for sessions that lag",
            vec![of("MAX_BROUGHT")],
        ),
        (
            "reads of logs for sessions",
            vec![
                of("READ_TOGETHER"),
                of("following/READ.events"),
                of("following/READ.bytes"),
            ],
        ),
        (
            "part of the history of a durable channel",
            vec![
                of("reading/MOST"),
                of("MAX_RECOVERED"),
                of("MAX_HISTORY_READ"),
            ],
        ),
        (
            "time for what a session or a server",
            vec![of("READ_TIMEOUT")],
        ),
        (
            "what waits in a channel",
            vec![of("MAX_ITEMS"), of("item/MAX_BYTES")],
        ),
        (
            "publications in one frame",
            vec![of("batch/MAX_TOGETHER"), of("MAX_BYTES_TOGETHER")],
        ),
        ("commands of a session in a row", vec![of("MAX_TOO_FAST")]),
        (
            "commands of a session that wait",
            vec![of("inbox/MAX_WAITING"), of("inbox/MAX_WAITING_BYTES")],
        ),
        ("sessions in one answer", vec![of("operate/MAX_LIMIT")]),
        ("commands of a batch", vec![of("server_api/MAX_COMMANDS")]),
        (
            "answers of a batch",
            vec![of("server_api/BATCH_BYTES"), of("BATCH_TIME")],
        ),
        (
            "of an answer to a server",
            vec![of("UNCOUNTED_RECEIPT"), of("SMALL_ANSWER")],
        ),
        ("body of a request of a server", vec![]),
        ("answer of a plugin", vec![of("HOOK_DEADLINE")]),
        (
            "questions of sessions that wait",
            vec![of("MAX_QUESTIONS"), of("desk/MAX_BYTES")],
        ),
        ("JSON of a plugin that is kept", vec![of("grants/MAX_KEPT")]),
        ("message of a plugin to sessions", vec![]),
        ("plugins that are asked at a time", vec![of("RENEWALS")]),
        ("subscribers of a channel", vec![of("MAX_PRESENT")]),
        ("publications of a history", vec![of("imports/MAX_PAGE")]),
        (
            "time for other nodes to say who is subscribed",
            vec![of("looking/ANSWER_TIMEOUT")],
        ),
        (
            "time for other nodes to do something with their sessions",
            vec![
                of("acting/ANSWER_TIMEOUT"),
                of("MAKING"),
                of("ALL_CHANNELS_WITHIN"),
            ],
        ),
        (
            "time without a link for which a node with sessions",
            vec![of("FORGET_AFTER")],
        ),
        (
            "subscribers that a node tells another",
            vec![of("TOLD"), of("wanting/ASKED")],
        ),
        (
            "channels of which a node tells another",
            vec![of("presence/MAX_WISHES"), of("presence/MAX_BYTES")],
        ),
        (
            "time for which is followed who is subscribed",
            vec![of("FOLLOWED"), of("LINGERS")],
        ),
        // The cluster.
        ("other nodes", vec![of("MAX_PEERS")]),
        (
            "connections of other nodes",
            vec![of("cluster/MAX_CONNECTIONS"), of("MAX_SHARE")],
        ),
        (
            "of those, during their handshake",
            vec![of("admission/MAX_ARRIVING"), of("MAX_ARRIVING_SHARE")],
        ),
        (
            "links on which the two sides",
            vec![of("MAX_GREETING"), of("MAX_GREETING_SHARE")],
        ),
        (
            "time for another node's connection",
            vec![of("FIRST_STREAM")],
        ),
        (
            "time for a connection to another node",
            vec![of("timing/DIAL"), of("DIAL_NAME")],
        ),
        ("names of which a node remembers", vec![of("MAX_BEGINS")]),
        (
            "names of nodes that are looked up",
            vec![of("MAX_LOOK_UPS")],
        ),
        (
            "message of a node's sessions",
            vec![of("MESSAGE_ALLOWANCE") - of("AROUND")],
        ),
        ("channels of which a node is known", vec![of("MAX_WANTED")]),
        (
            "time for other nodes to know of a subscription",
            vec![of("KNOWN_WITHIN")],
        ),
        (
            "requests to other nodes' sessions",
            vec![
                of("waiting/MAX_WAITING"),
                of("MAX_SERVED"),
                of("SERVED_WITHIN"),
            ],
        ),
        (
            "tags of a publication of another node",
            vec![of("wire/MAX_TAGS")],
        ),
        (
            "durable channels of a node that other nodes read",
            vec![of("MAX_WATCHED")],
        ),
        (
            "publications that a node is asked to number",
            vec![of("MAX_OFFERS"), of("core/MAX_BATCH_BYTES")],
        ),
        (
            "publications to a channel that wait",
            vec![
                of("homes/MAX_WAITING"),
                of("homes/MAX_WAITING_BYTES"),
                of("homes/MAX_CHANNELS"),
                of("MAX_ALL_BYTES"),
            ],
        ),
        ("time for it to number one", vec![of("PUBLISH_TIMEOUT")]),
        (
            "time for a node that a channel's history is handed over to",
            vec![of("homed/ANSWER_TIMEOUT")],
        ),
        (
            "a history that is handed over",
            vec![of("homed/MAX_ARRIVING")],
        ),
        (
            "bytes of a history that is handed over",
            vec![of("UNDER_WAY_OF_ONE"), of("homes/UNDER_WAY")],
        ),
        (
            "time that a node is waited for that is linked",
            vec![of("LONG_ANSWER_TIMEOUT")],
        ),
        ("time that a node that stops", vec![of("homes/LONGEST")]),
        (
            "time for the node of a durable channel",
            vec![of("finding/ANSWER_TIMEOUT")],
        ),
        ("time without a link", vec![of("SESSIONS_WAIT")]),
        ("time that other nodes send on", vec![of("wishes/KEPT")]),
        ("silence of a link", vec![of("SILENCE")]),
        (
            "events sent to a node and not acknowledged",
            vec![
                of("MAX_UNACKNOWLEDGED_EVENTS"),
                of("MAX_UNACKNOWLEDGED_BYTES"),
            ],
        ),
        (
            "events that wait to be sent",
            vec![of("cluster/MAILBOX.events"), of("cluster/MAILBOX.bytes")],
        ),
        (
            "filters that a node asks",
            vec![of("MAX_FILTERS"), of("interest/MAX_BYTES")],
        ),
        ("time that events wait for a node", vec![of("FORGET_AFTER")]),
        ("streams and waits on channels of", vec![of("MAX_LASTING")]),
        ("other reads of channels of", vec![of("MAX_READING")]),
        ("changes of channels of", vec![of("MAX_CHANGING")]),
        (
            "requests of other nodes of which",
            vec![of("MAX_HEADLESS"), of("MAX_HEADLESS_SHARE")],
        ),
        ("requests of other nodes that", vec![of("MAX_TAKEN")]),
        (
            "time that a node takes nothing",
            vec![of("ANSWER_STALL"), of("LASTING_STALL")],
        ),
        ("time for another node to answer", vec![of("ANSWER_TIME")]),
        (
            "time without a byte from it",
            vec![of("timing/SILENCE"), of("MAX_STEP"), of("asked/SLOWEST")],
        ),
        (
            "time that a command for a session",
            vec![of("emulation/BACK")],
        ),
        (
            "time for an answer that has begun",
            vec![of("PIECE_TIME"), of("WHOLE_TIME")],
        ),
        (
            "answer to a change of a channel",
            vec![of("MAX_RECEIPT"), of("UNCOUNTED_RECEIPT")],
        ),
        ("channels that a node tells", vec![of("passing/MAX_HELD")]),
        (
            "names of channels that a node keeps of the others",
            vec![of("passing/MAX_NAMES")],
        ),
        (
            "names of channels that a node keeps of others",
            vec![of("passing/MAX_NAMES")],
        ),
        ("time that they are kept", vec![of("KEEP_NAMES")]),
        ("time after a start in which", vec![of("timing/SETTLE")]),
        ("time that an event stream waits", vec![of("waiting/MOST")]),
    ]);
    rows
}

fn number(value: usize) -> u64 {
    value as u64
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("bounds are no ages")
}

/// The numbers of a cell outside of code, each times its unit.
fn numbers_of(cell: &str) -> Vec<u64> {
    let prose: Vec<&str> = cell.split('`').step_by(2).collect();
    let mut words = prose.join(" ").replace(',', "");
    words.push(' ');
    let words: Vec<&str> = words.split([' ', ';', '.']).collect();
    let pairs = words.windows(2);
    pairs
        .filter_map(|pair| Some(pair[0].parse::<u64>().ok()? * unit(pair[1])))
        .collect()
}

fn unit(word: &str) -> u64 {
    match word {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => 1,
    }
}

#[test]
fn numbers_have_units() {
    assert_eq!(
        numbers_of("`a.b9`, 1,024 events and 8 MiB"),
        [1024, 8 << 20]
    );
    assert_eq!(numbers_of("2 min; 16 waiting; 100"), [120_000, 16, 100]);
}
