//! Values of a manifest's `[config]` as text, which is all that `wasi:config`
//! hands to a guest.

use serde_json::Value as Json;
use toml::de::DeValue;

/// The value as a guest reads it: strings as they are, other scalars as TOML
/// writes them, lists and tables as JSON.
pub(super) fn guest_text(value: DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.into_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        list_or_table => json(&list_or_table).to_string(),
    }
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Boolean(value) => Json::from(*value),
        // Dates, infinities and whole numbers beyond 64 bits have no JSON form but
        // their text.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Json::from(number.to_string()), Json::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| Json::from(number.to_string()), Json::Number),
        DeValue::Datetime(time) => Json::from(time.to_string()),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a value that is written as `toml`.
    fn text(toml: &str) -> String {
        guest_text(DeValue::parse(toml).expect(toml).into_inner())
    }

    #[test]
    fn scalars_are_as_toml_writes_them_and_the_rest_is_json() {
        for (toml, expected) in [
            ("'hello'", "hello"),
            ("1_000", "1000"),
            ("0xff", "0xff"),
            ("2.50", "2.50"),
            ("true", "true"),
            ("1979-05-27", "1979-05-27"),
            ("['a', 1, 0xff, 1.5, inf]", r#"["a",1,255,1.5,"inf"]"#),
            (
                "{ type = 'object', required = ['id'] }",
                r#"{"required":["id"],"type":"object"}"#,
            ),
        ] {
            assert_eq!(text(toml), expected);
        }
    }
}
