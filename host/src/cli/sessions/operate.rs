//! `hearken sessions list`, `show`, `send` and `disconnect`.

use clap::{Args, Subcommand};

use crate::cli::client::{Client, Reached, SessionView, To};
use crate::cli::data;
use crate::cli::error::CliError;
use crate::cli::output::{Output, note};
use crate::cli::render::{printable, table};

/// What a node is asked.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Operate {
    /// List the sessions of all nodes
    List {
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// Only those that are subscribed to this channel
        #[arg(long, conflicts_with = "user")]
        channel: Option<String>,
        /// Only those of the node of this name
        #[arg(long)]
        node: Option<String>,
    },
    /// Show everything about a session
    Show {
        /// Its id
        id: String,
    },
    /// Send sessions a message
    Send {
        #[command(flatten)]
        to: Whom,
        /// The message: JSON, `@FILE`, or `-` for standard input
        #[arg(long, value_name = "JSON")]
        data: String,
    },
    /// Close sessions
    Disconnect {
        #[command(flatten)]
        to: Whom,
        /// What clients are told, 3000 to 4999; 3503 keeps them away
        #[arg(long)]
        code: Option<u32>,
        /// What people are told
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Whose sessions are meant.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Whom {
    /// The session with this id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// All sessions of this user
    #[arg(long)]
    user: Option<String>,
    /// All sessions that watch this subject
    #[arg(long)]
    subject: Option<String>,
    /// All sessions that are subscribed to this channel
    #[arg(long)]
    channel: Option<String>,
    /// All sessions of a node, by its name
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// All sessions
    #[arg(long)]
    all: bool,
}

impl Operate {
    pub(in crate::cli) async fn run(
        self,
        client: Client,
        mut output: Output,
    ) -> Result<(), CliError> {
        match self {
            Self::List {
                user,
                channel,
                node,
            } => {
                let of = [&user, &channel, &node].map(|of| of.as_deref());
                let listed = client.sessions(of[0], of[1], of[2]).await?;
                if listed.partial {
                    note("not all nodes have said which sessions they have");
                }
                list(&listed.sessions, output)
            }
            Self::Show { id } => {
                let session = client.session(&id).await?;
                output.answer(&session, || shown(&session))
            }
            Self::Send { to, data } => {
                let data = data::read(&data)?;
                let reached = client.message(&to.to(), &data).await?;
                output.answer(&reached, || told("sent to", &reached))
            }
            Self::Disconnect { to, code, reason } => {
                let reached = client.disconnect(&to.to(), code, reason.as_deref()).await?;
                output.answer(&reached, || told("closed", &reached))
            }
        }
    }
}

impl Whom {
    fn to(self) -> To {
        let Self {
            session,
            user,
            subject,
            channel,
            node,
            all,
        } = self;
        let named = [
            session.map(To::Session),
            user.map(To::User),
            subject.map(To::Subject),
            channel.map(To::Channel),
            node.map(To::Node),
        ];
        // Exactly one was given.
        named.into_iter().flatten().next().unwrap_or(To::All(all))
    }
}

fn list(sessions: &[SessionView], mut output: Output) -> Result<(), CliError> {
    if output.json() {
        return sessions
            .iter()
            .try_for_each(|session| output.answer(session, String::new));
    }
    if sessions.is_empty() {
        return output.line("no sessions");
    }
    let heads = [
        "ID",
        "USER",
        "NODE",
        "TRANSPORT",
        "ADDRESS",
        "CONNECTED",
        "CHANNELS",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(sessions.iter().map(|session| {
        [
            printable(&session.id).into_owned(),
            or_none(&session.user),
            printable(&session.node).into_owned(),
            printable(&session.transport).into_owned(),
            printable(&session.address).into_owned(),
            printable(&session.connected).into_owned(),
            session.channels.len().to_string(),
        ]
    }));
    output.line(&table(&rows))
}

fn shown(session: &SessionView) -> String {
    let mut rows = vec![
        ["id", &session.id],
        ["user", &session.user],
        ["node", &session.node],
        ["transport", &session.transport],
        ["encoding", &session.encoding],
        ["address", &session.address],
        ["client", &session.name],
        ["version", &session.version],
        ["connected", &session.connected],
        ["expires", session.expires.as_deref().unwrap_or_default()],
    ]
    .into_iter()
    .map(|[name, value]| [name.to_owned(), or_none(value)])
    .collect::<Vec<_>>();
    rows.push(["queued".to_owned(), format!("{} bytes", session.queued)]);
    rows.extend(session.channels.iter().map(|subscription| {
        let side = if subscription.server_side {
            " (by the server)"
        } else {
            ""
        };
        let channel = printable(&subscription.channel);
        ["channel".to_owned(), format!("{channel}{side}")]
    }));
    table(&rows)
}

fn or_none(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => printable(text).into_owned(),
    }
}

fn told(what: &str, reached: &Reached) -> String {
    let sessions = reached.sessions;
    let plural = if sessions == 1 { "session" } else { "sessions" };
    let beside = if reached.partial {
        "; there may be others on nodes that have not answered"
    } else {
        ""
    };
    format!("{what} {sessions} {plural}{beside}")
}
