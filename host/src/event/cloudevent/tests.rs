use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;

use super::read::members;
use super::*;
use crate::event::published::tests::{STAMP, any_draft};
use crate::event::{Draft, EventType, ExtensionValue};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

proptest! {
    #[test]
    fn json_round_trips(draft in any_draft()) {
        // As a client may send it.
        let traceparent = draft.traceparent.as_ref().map(|_| PARENT.into());
        let tracestate = draft.tracestate.filter(|state| state.is_ascii());
        let tracestate = tracestate.filter(|_| traceparent.is_some());
        let draft = Draft { traceparent, tracestate, ..draft };
        let event = draft.stamp(&STAMP);
        let json = CloudEvent::new(&event, true).to_json();
        // What the node gives it gives again.
        let mut members = members(json.as_bytes()).expect("its own output");
        if draft.time.is_none() {
            members.remove("time");
        }
        for given in ["recordedtime", "origin", "localorigin"] {
            prop_assert!(members.remove(given).is_some());
        }
        let json = serde_json::to_vec(&members).expect("it was JSON");
        let read = from_json(&json).expect("its own output");
        prop_assert_eq!(read.stamp(&STAMP), event);
    }
}

#[test]
fn json_is_inline_text_a_string_and_the_rest_base64() {
    let draft = |content: &'static str, data: &'static [u8]| {
        let mut draft = Draft::new(EventType::custom("a").unwrap());
        draft.datacontenttype = Some(content.into());
        draft.data = Some(data.into());
        let event = draft.stamp(&STAMP);
        let json = CloudEvent::new(&event, false).to_json();
        serde_json::from_str::<serde_json::Value>(&json).expect("valid JSON")
    };
    assert_eq!(draft("application/json", b"{\"a\":\n1}")["data"]["a"], 1);
    assert_eq!(draft("application/vnd.x+json", b"2")["data"], 2);
    assert_eq!(draft("text/plain", b"hi\n\"")["data"], "hi\n\"");
    assert_eq!(draft("image/svg+xml", b"<svg/>")["data"], "<svg/>");
    assert_eq!(draft("text/plain", b"\xff")["data_base64"], "/w==");
    assert_eq!(
        draft("application/octet-stream", b"hi")["data_base64"],
        "aGk="
    );
    assert_eq!(
        draft("text/json", b"not json")["data_base64"],
        "bm90IGpzb24="
    );
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let [fits, deep] = [100, 101].map(nested).map(String::leak);
    let inline = |data: &'static str| draft("application/json", data.as_bytes());
    assert!(inline(fits)["data"].is_array());
    assert!(inline(deep)["data_base64"].is_string());
    assert_eq!(
        draft("application/json", b"not json")["data_base64"],
        "bm90IGpzb24="
    );
    assert_eq!(
        draft("text/plain", b"hi")["time"],
        "2023-11-14T22:13:20.123Z"
    );
    let recorded = &draft("text/plain", b"hi")["recordedtime"];
    assert_eq!(recorded, "2023-11-14T22:13:20.123Z");
    assert_eq!(draft("text/plain", b"hi")["localorigin"], false);
}

#[test]
fn errors_name_the_attribute() {
    let error = |json: &str| from_json(json.as_bytes()).expect_err(json).to_string();
    assert!(error("[1]").starts_with("not a JSON object"));
    assert!(error("{}").contains("`specversion` is missing"));
    assert!(error(r#"{"specversion":"0.3"}"#).contains("0.3"));
    let with = |member: &str| {
        error(&format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{member}}}"#
        ))
    };
    assert!(with(r#""subject":1"#).contains("`subject` must be a string"));
    assert!(with(r#""data":1,"data_base64":"eA==""#).contains("exclude each other"));
    assert!(with(r#""data_base64":"?""#).contains("base64"));
    assert!(with(r#""more":{}"#).contains("`more` must be"));
    assert!(with(r#""distributed":"yes""#).contains("`distributed` must be"));
    assert!(with(r#""id":"2""#).contains("`id` is there more than once"));
    assert!(with(r#""subject":null,"subject":"s""#).contains("more than once"));
    assert!(with(r#""time":12345"#).contains("`time` must be a string"));
    for name in [
        "origin",
        "localorigin",
        "recordedtime",
        "user",
        "deadreason",
    ] {
        let claimed = with(&format!(r#""{name}":"x""#));
        assert!(
            claimed.contains(&format!("only the node sets the attribute `{name}`")),
            "{claimed}"
        );
    }
    let deep = BASE64.encode("[".repeat(101) + &"]".repeat(101));
    let deep = with(&format!(r#""data_base64":"{deep}""#));
    assert!(deep.contains("deeper than 100 levels"), "{deep}");
}

fn read(members: &str) -> Draft<'static> {
    let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{members}}}"#);
    from_json(json.as_bytes()).expect("valid")
}

#[test]
fn what_a_producer_says_of_time_and_sequence_comes_back_as_it_was() {
    let time = "2018-04-05T17:31:00.5+02:00";
    let members =
        format!(r#""time":"{time}","sequence":"0001","sequencetype":"Integer","data":{{"a":1}}"#);
    let event = read(&members).stamp(&STAMP);
    let json = CloudEvent::new(&event, true).to_json();
    let json: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    assert_eq!(json["time"], time);
    assert_eq!(json["recordedtime"], "2023-11-14T22:13:20.123Z");
    assert_eq!(json["sequence"], "0001");
    assert_eq!(json["sequencetype"], "Integer");
    let names = json.as_object().expect("an object").keys();
    assert!(names.into_iter().all(|name| !name.starts_with("producer")));
}

#[test]
fn an_invalid_trace_context_is_ignored() {
    for (parent, taken) in [(PARENT, true), ("garbage", false), ("", false)] {
        let draft = read(&format!(r#""traceparent":"{parent}","tracestate":"a=1""#));
        assert_eq!(draft.traceparent.is_some(), taken, "{parent}");
        assert_eq!(draft.tracestate.is_some(), taken, "{parent}");
    }
}

#[test]
fn text_payloads_may_be_json_strings() {
    let json = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t",
        "datacontenttype":"text/plain","data":"hi","subject":null,"priority":3}"#;
    let draft = from_json(json.as_bytes()).unwrap();
    assert_eq!(draft.data.as_deref(), Some(&b"hi"[..]));
    assert_eq!(draft.subject, None);
    assert_eq!(draft.event_type.as_str(), "custom.t");
    assert_eq!(
        draft.extensions,
        [("priority".into(), ExtensionValue::Integer(3))]
    );
}

#[test]
fn attributes_become_a_draft() {
    let attributes = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/s"),
        ("type", "t"),
        ("distributed", "true"),
        ("priority", "3"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let draft =
        from_attributes(attributes, Some("text/plain".into()), Some(b"x".to_vec())).unwrap();
    assert!(draft.distributed);
    assert_eq!(draft.datacontenttype(), "text/plain");
    assert_eq!(
        draft.extensions,
        [("priority".into(), ExtensionValue::String("3".into()))]
    );
}
