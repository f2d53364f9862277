//! The node's flags on the command line, which follow from the table of settings.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::file::CONFIG;
use super::flags::NodeFlags;
use super::node::NodeConfig;
use super::setting::{How, Setting};
use super::table::Settings;

/// The settings that have a flag.
fn with_flags() -> impl Iterator<Item = &'static Setting> {
    let settings = NodeConfig::settings().into_iter();
    settings.filter(|setting| setting.flag.is_some())
}

impl Args for NodeFlags {
    fn augment_args(command: Command) -> Command {
        let settings = [&CONFIG].into_iter().chain(with_flags());
        command.args(settings.filter_map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NodeFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = |setting: &Setting| matches.get_raw(setting.key).into_iter().flatten();
        if let Some(file) = given(&CONFIG).next() {
            self.config = Some(file.into());
        }
        for setting in with_flags() {
            // A switch that is not there has a value too, by default.
            if matches.value_source(setting.key) == Some(ValueSource::CommandLine) {
                self.insert(setting, given(setting).map(OsString::from).collect());
            }
        }
        Ok(())
    }
}

/// The flag of a setting, if it has one.
fn argument(setting: &'static Setting) -> Option<Arg> {
    let (flag, value) = setting.flag()?;
    let argument = Arg::new(setting.key)
        .long(flag.trim_start_matches('-'))
        .help(help(setting));
    let argument = match value {
        None => argument.action(ArgAction::SetTrue),
        Some(value) => {
            let check = |value: OsString| (setting.check)(&value).map(|()| value);
            argument
                .value_name(value)
                .value_parser(OsStringValueParser::new().try_map(check))
                .action(match setting.how {
                    How::List => ArgAction::Append,
                    How::Value | How::Computed | How::Optional => ArgAction::Set,
                })
        }
    };
    let headings = [("cluster.", "Cluster"), ("http.", "HTTP")];
    let heading = headings
        .iter()
        .find(|(table, _)| setting.key.starts_with(table));
    Some(match heading {
        Some((_, heading)) => argument.help_heading(*heading),
        None => argument,
    })
}

/// What the help says of a flag.
fn help(setting: &Setting) -> String {
    let is_switch = setting.flag().is_some_and(|(_, value)| value.is_none());
    let meaning = setting.meaning();
    match setting.how {
        How::List => format!("{meaning}; may be given again"),
        _ if is_switch || setting.default == "none" => meaning,
        _ => format!("{meaning} [default: {}]", setting.default),
    }
}
