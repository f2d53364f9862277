//! What a guest is told of a channel that is not on its node.

use crate::channel::NoChannel;

/// The channel that was probably meant, for one that is nowhere.
///
/// # Errors
/// What says on which other nodes the channel lies, if it lies there: a plugin appends and
/// reads where the channel lies.
pub(super) fn nearest_of(missing: &NoChannel) -> Result<Option<String>, String> {
    match missing.nodes() {
        [] => Ok(missing.nearest().map(str::to_owned)),
        _ => Err(missing.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::channel::OtherNodes;
    use crate::channel::test_support::{bus, channels_of};

    struct Theirs;

    impl OtherNodes for Theirs {
        fn that_have(&self, channel: &str) -> Vec<String> {
            let nodes: &[&str] = match channel {
                "orders" => &["a"],
                "paid" => &["a", "c"],
                _ => &[],
            };
            nodes.iter().map(|node| (*node).to_owned()).collect()
        }
    }

    #[tokio::test]
    async fn a_channel_of_another_node_is_not_told_to_be_nowhere() {
        let channels = channels_of(&bus(), std::collections::BTreeMap::new());
        let nearest_of = |name: &str| nearest_of(&channels.find(name).unwrap_err());
        assert_eq!(nearest_of("orders"), Ok(None), "nobody is known yet");
        channels.beside(Arc::new(Theirs));
        let told = nearest_of("orders").unwrap_err();
        assert!(told.contains("the node `a`"), "{told}");
        let told = nearest_of("paid").unwrap_err();
        assert!(told.contains("`a` or `c`"), "{told}");
        assert_eq!(nearest_of("other"), Ok(None));
    }
}
