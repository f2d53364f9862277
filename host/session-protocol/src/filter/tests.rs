use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn leaf(key: &str, cmp: &str, val: &str, vals: &[&str]) -> FilterNode {
    FilterNode {
        key: key.into(),
        cmp: cmp.into(),
        val: val.into(),
        vals: vals.iter().map(|&val| val.into()).collect(),
        ..FilterNode::default()
    }
}

fn combined(op: &str, nodes: Vec<FilterNode>) -> FilterNode {
    FilterNode {
        op: op.into(),
        nodes,
        ..FilterNode::default()
    }
}

fn passes(node: FilterNode, tags: &[(&str, &str)]) -> bool {
    let filter = Filter::new(node).unwrap();
    filter.matches(|key| tags.iter().find(|tag| tag.0 == key).map(|tag| tag.1))
}

#[test]
fn the_stock_filter_picks_a_subject() {
    let filter = leaf("subject", "eq", "order-7", &[]);
    assert!(passes(
        filter.clone(),
        &[("type", "a"), ("subject", "order-7")]
    ));
    assert!(!passes(filter.clone(), &[("subject", "order-8")]));
    assert!(!passes(filter, &[("type", "order-7")]));
}

#[test]
fn a_missing_tag_is_as_the_protocol_has_it() {
    for (cmp, passed) in [
        ("eq", false),
        ("neq", true),
        ("sw", false),
        ("ew", false),
        ("ct", false),
        ("lt", false),
        ("lte", false),
        ("gt", false),
        ("gte", false),
    ] {
        assert_eq!(passes(leaf("k", cmp, "1", &[]), &[]), passed, "{cmp}");
    }
    assert!(passes(leaf("k", "in", "", &["a", ""]), &[]));
    assert!(!passes(leaf("k", "in", "", &["a"]), &[]));
    assert!(passes(leaf("k", "nin", "", &["a"]), &[]));
    assert!(!passes(leaf("k", "nin", "", &[""]), &[]));
    assert!(!passes(leaf("k", "ex", "", &[]), &[]));
    assert!(passes(leaf("k", "nex", "", &[]), &[]));
}

#[test]
fn numbers_compare_as_decimals_or_not_at_all() {
    assert!(passes(leaf("k", "lt", "10", &[]), &[("k", "9")]));
    assert!(passes(leaf("k", "gte", "0.3", &[]), &[("k", "0.30")]));
    assert!(!passes(leaf("k", "lt", "10", &[]), &[("k", "nine")]));
    assert!(!passes(leaf("k", "gt", "ten", &[]), &[("k", "11")]));
    assert!(!passes(leaf("k", "lte", "ten", &[]), &[("k", "ten")]));
}

#[test]
fn what_is_not_well_formed_is_told() {
    let eq = || leaf("k", "eq", "v", &[]);
    for (node, error) in [
        (FilterNode::default(), FilterError::Comparison("".into())),
        (
            leaf("k", "like", "v", &[]),
            FilterError::Comparison("like".into()),
        ),
        (leaf("", "eq", "v", &[]), FilterError::NoKey),
        (leaf("k", "eq", "", &[]), FilterError::OneValue("eq".into())),
        (
            leaf("k", "gt", "1", &["2"]),
            FilterError::OneValue("gt".into()),
        ),
        (leaf("k", "in", "", &[]), FilterError::Values("in".into())),
        (
            leaf("k", "nin", "v", &["w"]),
            FilterError::Values("nin".into()),
        ),
        (leaf("k", "ex", "v", &[]), FilterError::NoValue("ex".into())),
        (combined("and", vec![]), FilterError::NoNodes("and".into())),
        (combined("or", vec![]), FilterError::NoNodes("or".into())),
        (combined("not", vec![]), FilterError::NotOne),
        (combined("not", vec![eq(), eq()]), FilterError::NotOne),
        (combined("xor", vec![eq()]), FilterError::Op("xor".into())),
        (
            combined("or", vec![eq(), combined("and", vec![])]),
            FilterError::NoNodes("and".into()),
        ),
    ] {
        assert_eq!(Filter::new(node.clone()), Err(error), "{node:?}");
    }
    assert!(Filter::new(leaf("", "ex", "", &[])).is_ok());
}

#[test]
fn filters_are_bounded() {
    let wide = |nodes| combined("or", vec![leaf("k", "eq", "v", &[]); nodes]);
    assert!(Filter::new(wide(MAX_NODES - 1)).is_ok());
    assert_eq!(Filter::new(wide(MAX_NODES)), Err(FilterError::TooManyNodes));
    let mut deep = leaf("k", "eq", "v", &[]);
    for _ in 1..MAX_DEPTH {
        deep = combined("not", vec![deep]);
    }
    assert!(Filter::new(deep.clone()).is_ok());
    let deeper = combined("not", vec![deep]);
    assert_eq!(Filter::new(deeper), Err(FilterError::TooDeep));
}

/// What a filter should do, from the protocol's description.
fn model(node: &FilterNode, tags: &BTreeMap<String, String>) -> bool {
    let tag = tags.get(&node.key);
    let number = |text: &str| text.parse::<f64>().ok();
    let compared = || number(tag?)?.partial_cmp(&number(&node.val)?);
    match (&*node.op, &*node.cmp) {
        ("and", _) => !node.nodes.iter().any(|node| !model(node, tags)),
        ("or", _) => node.nodes.iter().any(|node| model(node, tags)),
        ("not", _) => !model(&node.nodes[0], tags),
        (_, "eq") => tag == Some(&node.val),
        (_, "neq") => tag != Some(&node.val),
        (_, "in") => node.vals.contains(&tag.cloned().unwrap_or_default()),
        (_, "nin") => !node.vals.contains(&tag.cloned().unwrap_or_default()),
        (_, "ex") => tag.is_some(),
        (_, "nex") => tag.is_none(),
        (_, "sw") => tag.is_some_and(|tag| tag.find(&node.val) == Some(0)),
        (_, "ew") => tag.is_some_and(|tag| {
            tag.rfind(&node.val).map(|at| at + node.val.len()) == Some(tag.len())
        }),
        (_, "ct") => tag.is_some_and(|tag| tag.split(&node.val).count() > 1),
        (_, "lt") => compared().is_some_and(|order| order.is_lt()),
        (_, "lte") => compared().is_some_and(|order| order.is_le()),
        (_, "gt") => compared().is_some_and(|order| order.is_gt()),
        (_, "gte") => compared().is_some_and(|order| order.is_ge()),
        other => panic!("there is no {other:?}"),
    }
}

/// Few keys and values, so that they meet; numbers are exact as floats too.
fn any_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn any_value() -> impl Strategy<Value = String> {
    let values = vec!["x", "xy", "y", "yx", "1", "1.0", "2.5", "-3", "10", "0.25"];
    prop::sample::select(values).prop_map(str::to_owned)
}

fn any_leaf() -> impl Strategy<Value = FilterNode> {
    let one = vec!["eq", "neq", "sw", "ew", "ct", "lt", "lte", "gt", "gte"];
    let one = (any_key(), prop::sample::select(one), any_value());
    let several = prop::collection::vec(any_value(), 1..3);
    let several = (any_key(), prop::sample::select(vec!["in", "nin"]), several);
    let none = (any_key(), prop::sample::select(vec!["ex", "nex"]));
    prop_oneof![
        one.prop_map(|(key, cmp, val)| leaf(&key, cmp, &val, &[])),
        several.prop_map(|(key, cmp, vals)| {
            let vals: Vec<&str> = vals.iter().map(String::as_str).collect();
            leaf(&key, cmp, "", &vals)
        }),
        none.prop_map(|(key, cmp)| leaf(&key, cmp, "", &[])),
    ]
}

fn any_node() -> impl Strategy<Value = FilterNode> {
    any_leaf().prop_recursive(4, 16, 3, |inner| {
        let op = prop::sample::select(vec!["and", "or"]);
        let several = (op, prop::collection::vec(inner.clone(), 1..4));
        prop_oneof![
            several.prop_map(|(op, nodes)| combined(op, nodes)),
            inner.prop_map(|node| combined("not", vec![node])),
        ]
    })
}

proptest! {
    #[test]
    fn filters_do_as_the_model_does(
        node in any_node(),
        tags in prop::collection::btree_map(any_key(), any_value(), 0..4),
    ) {
        let filter = Filter::new(node.clone()).unwrap();
        let passed = filter.matches(|key| tags.get(key).map(String::as_str));
        prop_assert_eq!(passed, model(&node, &tags));
    }
}
