use super::*;
use crate::event::EventType;

fn draft() -> Draft<'static> {
    Draft::new(EventType::custom("a").unwrap())
}

#[test]
fn rules_name_the_attribute() {
    assert_eq!(draft().check(), Ok(()));
    let empty = Draft {
        subject: Some("".into()),
        ..draft()
    };
    assert_eq!(empty.check(), Err(DraftError::EmptyAttribute("subject")));
    let control = Draft {
        id: Some("a\nb".into()),
        ..draft()
    };
    let forbidden = DraftError::ForbiddenCharacter {
        name: "id".into(),
        character: '\n',
    };
    assert!(forbidden.to_string().contains("U+000A"), "{forbidden}");
    assert_eq!(control.check(), Err(forbidden));
    let long = Draft {
        source: Some("x".repeat(4097).into()),
        ..draft()
    };
    assert_eq!(
        long.check(),
        Err(DraftError::LongAttribute {
            name: "source".into(),
            bytes: 4097
        })
    );
    let extension = |name: &'static str| Draft {
        extensions: vec![(name.into(), ExtensionValue::Integer(1))],
        ..draft()
    };
    assert_eq!(extension("priority").check(), Ok(()));
    assert_eq!(
        extension("Priority").check(),
        Err(DraftError::ExtensionName("Priority".into()))
    );
    assert_eq!(
        extension("origin").check(),
        Err(DraftError::ReservedExtension("origin".into()))
    );
}

#[test]
fn texts_have_the_characters_of_cloudevents() {
    for (character, allowed) in [
        ('\u{0}', false),
        ('\t', false),
        (' ', true),
        ('~', true),
        ('\u{7f}', false),
        ('\u{80}', false),
        ('\u{9f}', false),
        ('\u{a0}', true),
        ('ä', true),
        ('\u{fdcf}', true),
        ('\u{fdd0}', false),
        ('\u{fdef}', false),
        ('\u{fdf0}', true),
        ('\u{fffd}', true),
        ('\u{fffe}', false),
        ('\u{ffff}', false),
        ('\u{1f600}', true),
        ('\u{1ffff}', false),
        ('\u{10fffe}', false),
    ] {
        let subject = Draft {
            subject: Some(format!("a{character}b").into()),
            ..draft()
        };
        let value = ExtensionValue::String(format!("{character}").into());
        let extension = Draft {
            extensions: vec![("x".into(), value)],
            ..draft()
        };
        for draft in [subject, extension] {
            assert_eq!(draft.check().is_ok(), allowed, "{character:?}");
            let was_allowed = !character.is_ascii_control();
            assert_eq!(draft.check_foreign().is_ok(), was_allowed);
        }
    }
}

#[test]
fn a_source_is_a_uri_reference() {
    for (source, valid) in [
        ("/shop", true),
        ("shop", true),
        ("https://example.com/a?b=%20#c", true),
        ("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", true),
        ("mailto:a@example.com", true),
        ("1-555-123-4567", true),
        ("my shop", false),
        ("/a\\b", false),
        ("/höher", false),
        ("/%zz", false),
        ("<x>", false),
    ] {
        let draft = Draft {
            source: Some(source.into()),
            ..draft()
        };
        assert_eq!(draft.check().is_ok(), valid, "{source}");
        assert_eq!(draft.check_foreign(), Ok(()), "{source}");
    }
}

#[test]
fn a_time_is_of_rfc_3339() {
    for (time, valid) in [
        ("2018-04-05T17:31:00Z", true),
        ("2018-04-05t17:31:00.123456789+02:00", true),
        ("0001-01-01T00:00:00Z", true),
        ("2018-13-05T17:31:00Z", false),
        ("2018-04-05 17:31:00Z", false),
        ("2018-04-05T17:31:00", false),
        ("12345", false),
        ("", false),
    ] {
        let draft = Draft {
            time: Some(time.into()),
            ..draft()
        };
        assert_eq!(draft.check().is_ok(), valid, "{time}");
        assert_eq!(draft.check_foreign().is_ok(), valid, "{time}");
    }
}

fn extended(names: &[&'static str]) -> Draft<'static> {
    let extension = |name: &&'static str| ((*name).into(), ExtensionValue::Integer(1));
    Draft {
        extensions: names.iter().map(extension).collect(),
        ..draft()
    }
}

#[test]
fn an_extension_is_there_once() {
    assert_eq!(extended(&["a", "b", "sequence"]).check(), Ok(()));
    let twice = DraftError::DuplicateExtension("a".into());
    assert_eq!(extended(&["a", "b", "a"]).check(), Err(twice));
}

#[test]
fn no_publisher_says_what_only_the_node_does() {
    for name in [
        "user",
        "client",
        "epoch",
        "dead",
        "deadreason",
        "recordedtime",
        "origin",
    ] {
        let claimed = DraftError::OfTheNode(name.into());
        assert_eq!(extended(&["a", name]).check_claims(), Err(claimed));
    }
    assert_eq!(
        extended(&["a", "users", "adead", "sequence"]).check_claims(),
        Ok(())
    );
}

#[test]
fn json_is_not_too_deep_to_be_handed_on() {
    let with = |content: &'static str, data: String| Draft {
        datacontenttype: Some(content.into()),
        data: Some(data.into_bytes().into()),
        ..draft()
    };
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let json = "application/json";
    assert_eq!(with(json, nested(100)).check_claims(), Ok(()));
    let deep = Err(DraftError::DeepJson);
    assert_eq!(with(json, nested(101)).check_claims(), deep);
    assert_eq!(with("text/plain", nested(101)).check_claims(), Ok(()));
    let no_json = "[".repeat(5_000);
    assert_eq!(with(json, no_json).check_claims(), Ok(()));
}
