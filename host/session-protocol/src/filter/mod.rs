//! Which publications a subscription wants, by their tags.

mod decimal;
mod node;

use decimal::Decimal;
pub use node::FilterNode;

/// Most comparisons and combinations of a filter: each is made for each publication.
pub const MAX_NODES: usize = 256;

/// Deepest that combinations may be nested.
pub const MAX_DEPTH: usize = 32;

/// A filter that was found to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter(Node);

/// Why a filter is refused. The client gets
/// [`BAD_REQUEST`](crate::codes::errors::BAD_REQUEST).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A combination that there is not.
    #[error("the filter's op is {0:?}, and should be \"and\", \"or\", \"not\" or nothing")]
    Op(String),
    /// A comparison that there is not.
    #[error("the filter's cmp is {0:?}, which is no comparison")]
    Comparison(String),
    /// A comparison without a key.
    #[error("a filter's comparison needs a key")]
    NoKey,
    /// `val` is missing, or there although it means nothing.
    #[error("the filter's {0:?} needs val, and no vals")]
    OneValue(String),
    /// `vals` is missing, or there is a `val` that means nothing.
    #[error("the filter's {0:?} needs vals, and no val")]
    Values(String),
    /// A value that means nothing.
    #[error("the filter's {0:?} takes neither val nor vals")]
    NoValue(String),
    /// A combination of nothing.
    #[error("the filter's {0:?} needs nodes")]
    NoNodes(String),
    /// A negation of nothing, or of several.
    #[error("the filter's \"not\" needs exactly one node")]
    NotOne,
    /// Too much of it.
    #[error("the filter has more than {MAX_NODES} nodes")]
    TooManyNodes,
    /// Too deep.
    #[error("the filter is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Tag { key: Box<str>, test: Test },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Test {
    Equal(Box<str>),
    NotEqual(Box<str>),
    In(Box<[String]>),
    NotIn(Box<[String]>),
    Exists,
    NotExists,
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Contains(Box<str>),
    /// Nothing compares with what is no number.
    Number(Order, Option<Decimal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Checks a filter that a client sent.
    ///
    /// # Errors
    ///
    /// When it is not well-formed, or too much work.
    pub fn new(node: FilterNode) -> Result<Self, FilterError> {
        let mut nodes = 0;
        build(node, MAX_DEPTH, &mut nodes).map(Self)
    }

    /// Whether a publication is wanted; `tag` gives its tags by their keys.
    pub fn matches<'t>(&self, tag: impl Fn(&str) -> Option<&'t str>) -> bool {
        self.0.matches(&tag)
    }
}

fn build(sent: FilterNode, depth: usize, nodes: &mut usize) -> Result<Node, FilterError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(FilterError::TooDeep);
    };
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err(FilterError::TooManyNodes);
    }
    let mut build_all = |sent: Vec<FilterNode>| -> Result<Vec<Node>, FilterError> {
        let sent = sent.into_iter();
        sent.map(|node| build(node, depth, nodes)).collect()
    };
    match sent.op.as_str() {
        "" => build_tag(sent),
        "and" | "or" if sent.nodes.is_empty() => Err(FilterError::NoNodes(sent.op)),
        "and" => Ok(Node::All(build_all(sent.nodes)?.into())),
        "or" => Ok(Node::Any(build_all(sent.nodes)?.into())),
        "not" => match <[FilterNode; 1]>::try_from(sent.nodes) {
            Ok([node]) => Ok(Node::Not(Box::new(build(node, depth, nodes)?))),
            Err(_) => Err(FilterError::NotOne),
        },
        _ => Err(FilterError::Op(sent.op)),
    }
}

fn build_tag(sent: FilterNode) -> Result<Node, FilterError> {
    let FilterNode {
        key,
        cmp,
        val,
        vals,
        ..
    } = sent;
    let missing = match cmp.as_str() {
        "eq" | "neq" | "sw" | "ew" | "ct" | "lt" | "lte" | "gt" | "gte" => {
            (val.is_empty() || !vals.is_empty()).then_some(FilterError::OneValue as fn(_) -> _)
        }
        "in" | "nin" => {
            (vals.is_empty() || !val.is_empty()).then_some(FilterError::Values as fn(_) -> _)
        }
        "ex" | "nex" => {
            (!vals.is_empty() || !val.is_empty()).then_some(FilterError::NoValue as fn(_) -> _)
        }
        _ => Some(FilterError::Comparison as fn(_) -> _),
    };
    if let Some(error) = missing {
        return Err(error(cmp));
    }
    if key.is_empty() && !matches!(cmp.as_str(), "ex" | "nex") {
        return Err(FilterError::NoKey);
    }
    let number = |order| Test::Number(order, Decimal::new(&val));
    let test = match cmp.as_str() {
        "lt" => number(Order::Less),
        "lte" => number(Order::LessOrEqual),
        "gt" => number(Order::Greater),
        "gte" => number(Order::GreaterOrEqual),
        "eq" => Test::Equal(val.into()),
        "neq" => Test::NotEqual(val.into()),
        "sw" => Test::StartsWith(val.into()),
        "ew" => Test::EndsWith(val.into()),
        "ct" => Test::Contains(val.into()),
        "in" => Test::In(vals.into()),
        "nin" => Test::NotIn(vals.into()),
        "ex" => Test::Exists,
        _ => Test::NotExists,
    };
    let key = key.into();
    Ok(Node::Tag { key, test })
}

impl Node {
    fn matches<'t>(&self, tag: &impl Fn(&str) -> Option<&'t str>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(tag)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(tag)),
            Self::Not(node) => !node.matches(tag),
            Self::Tag { key, test } => test.passes(tag(key)),
        }
    }
}

impl Test {
    /// Whether a tag passes. One that is missing is like an empty one to the tests for
    /// several values, and differs from every value.
    fn passes(&self, tag: Option<&str>) -> bool {
        let within = |values: &[String]| {
            let tag = tag.unwrap_or_default();
            values.iter().any(|value| value == tag)
        };
        match self {
            Self::Equal(value) => tag == Some(value),
            Self::NotEqual(value) => tag != Some(value),
            Self::In(values) => within(values),
            Self::NotIn(values) => !within(values),
            Self::Exists => tag.is_some(),
            Self::NotExists => tag.is_none(),
            Self::StartsWith(value) => tag.is_some_and(|tag| tag.starts_with(&**value)),
            Self::EndsWith(value) => tag.is_some_and(|tag| tag.ends_with(&**value)),
            Self::Contains(value) => tag.is_some_and(|tag| tag.contains(&**value)),
            Self::Number(order, value) => {
                let tag = tag.and_then(Decimal::new);
                let ordering = tag.zip(value.as_ref()).map(|(tag, value)| tag.cmp(value));
                ordering.is_some_and(|ordering| match order {
                    Order::Less => ordering.is_lt(),
                    Order::LessOrEqual => ordering.is_le(),
                    Order::Greater => ordering.is_gt(),
                    Order::GreaterOrEqual => ordering.is_ge(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
