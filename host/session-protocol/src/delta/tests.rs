use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_edit_of_a_document_is_short() {
    let before = format!(r#"{{"list":[{}],"count":9}}"#, "12345,".repeat(200));
    let after = before.replace("9", "10");
    let delta = create(before.as_bytes(), after.as_bytes(), true);
    assert!(delta.len() < 40, "{}", text(&delta));
    let applied = apply(before.as_bytes(), &delta, LIMIT).unwrap();
    assert_eq!(text(&applied), after);
}

#[test]
fn what_has_moved_is_found() {
    let part: Vec<String> = (0..40)
        .map(|number| format!("the line number {number}\n"))
        .collect();
    let before = part.concat();
    let after = [&part[20..], &part[..20]].concat().concat();
    let delta = create(before.as_bytes(), after.as_bytes(), false);
    assert!(delta.len() < 60, "{}", text(&delta));
    assert_eq!(
        apply(before.as_bytes(), &delta, LIMIT).unwrap(),
        after.as_bytes()
    );
}

#[test]
fn text_is_cut_between_characters_only() {
    // Characters whose first bytes are the same, so that bytes alone would be cut there.
    let before = "погода сегодня: дождь, ветер сильный";
    let after = "погода сегодня: град, ветер сильный!";
    let bytes = create(before.as_bytes(), after.as_bytes(), false);
    assert!(
        std::str::from_utf8(&bytes).is_err(),
        "the example shows nothing"
    );
    let delta = create(before.as_bytes(), after.as_bytes(), true);
    assert!(std::str::from_utf8(&delta).is_ok(), "{delta:?}");
    assert_eq!(
        apply(before.as_bytes(), &delta, LIMIT).unwrap(),
        after.as_bytes()
    );
}

#[test]
fn little_and_nothing_have_deltas_too() {
    for (before, after) in [("", ""), ("", "a"), ("a", ""), ("short", "other")] {
        let delta = create(before.as_bytes(), after.as_bytes(), true);
        assert_eq!(
            apply(before.as_bytes(), &delta, LIMIT).unwrap(),
            after.as_bytes()
        );
    }
    assert_eq!(create(b"", b"", true), b"0\n0;");
    assert_eq!(create(b"", b"abc", true), b"3\n3:abc1XObC0;");
}

#[test]
fn data_that_repeats_itself_takes_little_time() {
    // Each of 2^16 parts is found in each of 2^16 blocks.
    let before = vec![b'a'; 1 << 20];
    let mut after = before.clone();
    after.iter_mut().step_by(17).for_each(|byte| *byte = b'b');
    let delta = create(&before, &after, false);
    assert_eq!(apply(&before, &delta, after.len()).unwrap(), after);
}

#[test]
fn what_is_no_delta_is_refused() {
    let before = b"0123456789";
    for (delta, error) in [
        (&b""[..], DeltaError::Malformed { at: 0 }),
        (b"3", DeltaError::Malformed { at: 1 }),
        (b"3\n", DeltaError::Malformed { at: 2 }),
        (b"3\n3", DeltaError::Malformed { at: 3 }),
        (b"3\n3:ab", DeltaError::Malformed { at: 3 }),
        (b"3\n3?abc", DeltaError::Malformed { at: 3 }),
        (b"3\n3@0;", DeltaError::Malformed { at: 5 }),
        (b"3\n3@8,", DeltaError::BeyondEnd),
        (b"3\n3@3~~~~~,", DeltaError::BeyondEnd),
        (b"3\n4@0,", DeltaError::OtherSize),
        (b"3\n2@0,0;", DeltaError::OtherSize),
        (b"3\n3@0,0;", DeltaError::OtherData),
        (b"4000000\n0;", DeltaError::Malformed { at: 0 }),
        (
            b"3~~~~~\n0;",
            DeltaError::TooLarge {
                size: u32::MAX as usize,
                limit: LIMIT,
            },
        ),
        (b"0\n0;x", DeltaError::Malformed { at: 4 }),
    ] {
        assert_eq!(apply(before, delta, LIMIT), Err(error), "{}", text(delta));
    }
}

/// Two texts that have much in common, as one is made of the other's parts.
fn edited<T: Clone + std::fmt::Debug + 'static>(
    part: impl Strategy<Value = Vec<T>> + Clone + 'static,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    let parts = prop::collection::vec(part.clone(), 1..8);
    let picks = prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(part)), 0..8);
    (parts, picks).prop_map(|(parts, picks)| {
        let after = picks.into_iter().flat_map(|(index, new)| {
            let old = index.get(&parts).clone();
            [old, new.unwrap_or_default()].concat()
        });
        let after = after.collect();
        (parts.concat(), after)
    })
}

fn bytes() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    // Few different bytes, so that blocks repeat.
    let byte = prop_oneof![prop::sample::select(b"ab".to_vec()), any::<u8>()];
    edited(prop::collection::vec(byte, 0..120).boxed())
}

fn characters() -> impl Strategy<Value = (String, String)> {
    let character = prop_oneof![
        prop::sample::select("абвгдеж中文字符漢一丁😀😁🙂é".chars().collect::<Vec<_>>()),
        prop::sample::select(vec!['a', 'б']),
        any::<char>(),
    ];
    edited(prop::collection::vec(character, 0..60).boxed())
        .prop_map(|(before, after)| (before.into_iter().collect(), after.into_iter().collect()))
}

#[test]
fn what_is_no_text_is_not_copied() {
    let bytes = [0x80; 100];
    let delta = create(&bytes, &bytes, true);
    assert!(delta.len() > 100);
    assert_eq!(apply(&bytes, &delta, 100).unwrap(), bytes);
    assert!(create(&bytes, &bytes, false).len() < 20);
}

proptest! {
    #[test]
    fn deltas_make_what_they_were_made_for((before, after) in bytes(), text in any::<bool>()) {
        let delta = create(&before, &after, text);
        prop_assert_eq!(apply(&before, &delta, after.len()), Ok(after.clone()));
        prop_assert_eq!(&fossil_delta::apply(&before, &delta).unwrap(), &after);
    }

    #[test]
    fn deltas_of_others_apply((before, after) in bytes()) {
        let delta = fossil_delta::delta(&after, &before);
        prop_assert_eq!(apply(&before, &delta, after.len()), Ok(after));
    }

    #[test]
    fn deltas_of_text_are_text((before, after) in characters()) {
        let delta = create(before.as_bytes(), after.as_bytes(), true);
        prop_assert!(std::str::from_utf8(&delta).is_ok());
        let made = apply(before.as_bytes(), &delta, after.len());
        prop_assert_eq!(made, Ok(after.clone().into_bytes()));
        prop_assert_eq!(fossil_delta::apply(&before, &delta).unwrap(), after.into_bytes());
    }

    #[test]
    fn anything_is_applied_or_refused(
        before in prop::collection::vec(any::<u8>(), 0..40),
        delta in "[0-9A-C]{1,2}\n([0-9A]{1,2}(@[0-9]{1,2},|:[a-z]{0,4}|;)){0,4}",
    ) {
        if let Ok(after) = apply(&before, delta.as_bytes(), 100) {
            prop_assert!(after.len() <= 100);
        }
    }
}
