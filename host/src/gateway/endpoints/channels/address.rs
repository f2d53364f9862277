//! Which channel the events of a request go to.

use super::elsewhere::without_node;
use super::refusal::ChannelRefusal;
use crate::gateway::endpoints::publish::{Mode, Submission};

/// Has all events go to the channel of this name on that node; those that name another are
/// refused.
pub(super) fn address(
    submission: &mut Submission,
    name: &str,
    node: &str,
) -> Result<(), ChannelRefusal> {
    let (batched, binary) = match submission.mode {
        Mode::Batched => (true, false),
        mode => (false, mode == Mode::Binary),
    };
    for (at, draft) in submission.drafts.iter_mut().enumerate() {
        let named = draft.channel.as_deref();
        if let Some(other) = named.filter(|named| without_node(named, node) != name) {
            return Err(ChannelRefusal::OtherChannel {
                at: batched.then_some(at),
                binary,
                channel: Some(other.to_owned()),
            });
        }
        draft.channel = Some(name.to_owned().into());
    }
    Ok(())
}
