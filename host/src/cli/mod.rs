//! The command line: one file a command. What a command answers goes to stdout,
//! as text for people or with `--json` as one JSON value a line; everything
//! else goes to stderr.

mod access;
mod channel;
mod client;
mod cluster;
mod compile_worker;
mod data;
mod dev;
mod engine;
mod error;
mod greeting;
mod invitation;
mod listen;
mod made;
mod nodes;
mod open_files;
mod output;
mod plugin;
mod process;
mod render;
mod run;
mod send;
mod sessions;
mod signals;
mod wait;

use std::future::Future;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use access::Access;
use channel::Channel;
use client::{Client, Target};
use cluster::Cluster;
use engine::Engine;
use error::CliError;
use output::Output;
use plugin::Plugin;
use sessions::Sessions;

/// An event host whose listeners are sandboxed WebAssembly plugins
#[derive(Debug, Parser)]
#[command(name = "hearken", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Global {
    #[command(flatten)]
    target: Target,

    /// Answer with one JSON value per line
    #[arg(long, global = true, display_order = 100)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Dev(dev::Dev),
    Send(send::Send),
    Listen(listen::Listen),
    Wait(wait::Wait),
    Nodes(nodes::Nodes),
    #[command(subcommand)]
    Plugin(Plugin),
    #[command(subcommand)]
    Engine(Engine),
    #[command(subcommand)]
    Channel(Channel),
    #[command(subcommand)]
    Sessions(Sessions),
    #[command(subcommand)]
    Access(Access),
    #[command(subcommand)]
    Cluster(Cluster),
    #[command(hide = true)]
    CompileWorker(compile_worker::CompileWorker),
}

/// Runs the command that the process was started with. The exit code is 0 only
/// on success, 2 for a command line that makes no sense, 3 for a wait that timed
/// out, 4 for a channel whose last event is not the expected one, and 1 for every other
/// failure.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { global, command } =
        Cli::from_arg_matches(&command_line().get_matches()).unwrap_or_else(|error| error.exit());
    let result = match command {
        Command::Run(run) => run.run(),
        Command::Dev(dev) => dev.run(),
        Command::Send(send) => ask(&global, |client, output| send.run(client, output)),
        Command::Listen(listen) => ask(&global, |client, output| listen.run(client, output)),
        Command::Wait(wait) => ask(&global, |client, output| wait.run(client, output)),
        Command::Nodes(nodes) => ask(&global, |client, output| nodes.run(client, output)),
        Command::Plugin(Plugin::Operate(operate)) => {
            ask(&global, |client, output| operate.run(client, output))
        }
        Command::Plugin(Plugin::Author(author)) => block_on(author.run(Output::new(global.json))),
        Command::Engine(engine) => block_on(engine.run(Output::new(global.json))),
        Command::Channel(channel) => ask(&global, |client, output| channel.run(client, output)),
        Command::Sessions(Sessions::Operate(operate)) => {
            ask(&global, |client, output| operate.run(client, output))
        }
        Command::Sessions(Sessions::Sign(sign)) => sign.run(Output::new(global.json)),
        Command::Access(access) => access.run(Output::new(global.json)),
        Command::Cluster(cluster) => cluster.run(Output::new(global.json)),
        Command::CompileWorker(worker) => worker.run().map(|never| match never {}),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the answers has read enough, as `head` does.
        Err(CliError::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            let message = error.to_string();
            output::note(&format!("hearken: {}", render::printable_lines(&message)));
            error.exit_code()
        }
    }
}

/// The command line. The flags of [`Global`] are taken with every command, and shown
/// in the help of those to which they mean something.
fn command_line() -> clap::Command {
    let line = Cli::command();
    let hidden = |name: &&str| {
        let flag = line.get_arguments().find(|flag| flag.get_id() == *name);
        flag.expect("a field of `Global`").clone().hide(true)
    };
    let target: Vec<_> = Target::FLAGS.iter().map(hidden).collect();
    let json = hidden(&"json");
    let asks_no_node = |command: clap::Command| {
        let its_own: Vec<_> = command
            .get_arguments()
            .map(|flag| flag.get_id().clone())
            .collect();
        let others = target
            .iter()
            .filter(|flag| !its_own.contains(flag.get_id()));
        let others: Vec<_> = others.cloned().collect();
        command.args(others)
    };
    let runs_a_node = |command: clap::Command| asks_no_node(command).arg(&json);
    line.mut_subcommand("run", runs_a_node)
        .mut_subcommand("dev", runs_a_node)
        .mut_subcommand("plugin", |plugin| {
            plugin
                .mut_subcommand("new", asks_no_node)
                .mut_subcommand("build", asks_no_node)
                .mut_subcommand("check", asks_no_node)
                .mut_subcommand("try", asks_no_node)
        })
        .mut_subcommand("engine", |engine| {
            engine
                .mut_subcommand("list", asks_no_node)
                .mut_subcommand("add", asks_no_node)
        })
        .mut_subcommand("sessions", |sessions| {
            sessions.mut_subcommand("token", asks_no_node)
        })
        .mut_subcommand("access", |access| {
            access
                .mut_subcommand("key", asks_no_node)
                .mut_subcommand("token", asks_no_node)
                .mut_subcommand("explain", asks_no_node)
        })
        .mut_subcommand("cluster", |cluster| {
            cluster
                .mut_subcommand("ca", asks_no_node)
                .mut_subcommand("cert", asks_no_node)
        })
        .mut_subcommand("access", |access| {
            access.mut_subcommand("certificate", asks_no_node)
        })
}

/// Runs a command that asks a node.
fn ask<F>(global: &Global, command: impl FnOnce(Client, Output) -> F) -> Result<(), CliError>
where
    F: Future<Output = Result<(), CliError>>,
{
    let client = Client::new(&global.target)?;
    let output = Output::new(global.json);
    block_on(command(client, output))
}

fn block_on(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?
        .block_on(command)
}
