//! Tells of events that a plugin's listeners want and the node's policy withholds. They are passed
//! over, which is told a few times an hour at most rather than for each.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;

use super::handle::Consumer;
use super::withheld::Withheld;

/// Between two times at which it is told.
const BETWEEN: Duration = Duration::from_secs(600);

/// Tells of what is withheld, so often as that is good for anybody.
pub(super) async fn keep_telling(consumer: &Consumer) -> Infallible {
    loop {
        consumer.signals.withholds.notified().await;
        tell(consumer);
        sleep(BETWEEN).await;
    }
}

/// Tells of what was withheld since it was last told.
pub(super) fn tell(consumer: &Consumer) {
    let told = {
        let mut state = consumer.state();
        let attached = state.attached.as_mut();
        attached.and_then(|attached| Some((attached.place.epoch, attached.withheld.take()?)))
    };
    let Some((epoch, Withheld { span, count })) = told else {
        return;
    };
    let (plugin, channel) = (consumer.plugin(), consumer.channel());
    tracing::warn!(
        plugin, %channel, numbers = %span, count,
        "the node's policy withholds events of a channel that a plugin listens to; it will not \
         get them later, unless it is sent back there"
    );
    consumer
        .reporter
        .missed(plugin, channel, epoch, span, count);
}
