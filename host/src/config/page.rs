//! The settings in `docs/configuration.md`, compared with the table in code.

use std::fmt::Write;
use std::path::Path;

use super::field::Field;
use super::file::CONFIG;
use super::node::NodeConfig;
use super::setting::{How, Setting};
use super::table::Settings;
use super::{access, channels, sessions};

/// The table as the page has it.
fn table() -> String {
    let mut table = "| key | variable | flag | value | default | meaning |\n\
         | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for setting in [&CONFIG].into_iter().chain(NodeConfig::settings()) {
        row(&mut table, setting);
    }
    table
}

fn row(table: &mut String, setting: &Setting) {
    let many = setting.how == How::List;
    let key = match setting.key {
        key if key == CONFIG.key => String::new(),
        key => format!("`{key}`"),
    };
    let variable = format!("`{}`", setting.variable());
    let again = if many { ", again for each" } else { "" };
    let flag = setting.flag.map(|flag| format!("`{flag}`{again}"));
    let flag = flag.unwrap_or_default();
    let (form, _) = setting
        .expected
        .split_once(", e.g. ")
        .unwrap_or((setting.expected, ""));
    let default = match setting.how {
        How::Value => format!("`{}`", setting.default),
        How::Computed | How::Optional | How::List => setting.default.to_owned(),
    };
    let several = |text| if many { text } else { "" };
    writeln!(
        table,
        "| {key} | {variable}{} | {flag} | {}{form} | {default} | {} |",
        several(", with commas"),
        several("a list: "),
        setting.meaning(),
    )
    .expect("a string takes all");
}

/// The table of what stands in tables that have names of their own.
fn named_table(fields: &[Field]) -> String {
    let mut table = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for field in fields {
        let (form, _) = field
            .expected
            .split_once(", e.g. ")
            .unwrap_or((field.expected, ""));
        let list = if field.list { "a list: " } else { "" };
        let Field {
            key,
            default,
            meaning,
            ..
        } = field;
        writeln!(table, "| `{key}` | {list}{form} | {default} | {meaning} |")
            .expect("a string takes all");
    }
    table
}

#[test]
fn the_page_has_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    for (name, expected) in [
        ("settings", table()),
        ("access", named_table(access::field::FIELDS)),
        ("channels", named_table(channels::field::FIELDS)),
        ("namespaces", named_table(sessions::field::FIELDS)),
    ] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let page = std::fs::read_to_string(&path).expect("docs/configuration.md");
        let missing = format!("the page has lines `{begin}` and `{end}`");
        let (before, rest) = page.split_once(&begin).expect(&missing);
        let (found, after) = rest.split_once(&end).expect(&missing);
        if std::env::var_os("RENEW_DOCS").is_some() {
            std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}"))
                .expect("the page can be written");
        } else {
            assert!(
                found == expected,
                "docs/configuration.md does not have the settings as they are: run this test with \
                 RENEW_DOCS=1 to write them into it, or put there\n{expected}"
            );
        }
    }
}

#[test]
fn keys_variables_and_flags_are_unique() {
    let settings = NodeConfig::settings();
    for name in [
        |setting: &Setting| Some(setting.key.to_owned()),
        |setting: &Setting| Some(setting.variable()),
        |setting: &Setting| setting.flag().map(|(flag, _)| flag.to_owned()),
    ] {
        let mut names: Vec<String> = settings
            .iter()
            .filter_map(|setting| name(setting))
            .collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }
}
