//! Those who publish through the balancer, each thing until it is acknowledged.

use super::*;

/// What was published and acknowledged: channel, epoch, number and data.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) channel: String,
    pub(super) epoch: String,
    pub(super) offset: u64,
    pub(super) data: Value,
}

/// Those who publish through the balancer, without a pause that anybody would notice.
pub(super) struct Publishers {
    stop: CancellationToken,
    tasks: JoinSet<Vec<Acknowledged>>,
}

impl Publishers {
    pub(super) fn start(house: &House) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let channels = (publisher..CHATS).step_by(PUBLISHERS).map(chat);
            let mut channels: Vec<String> = channels.collect();
            channels.push(LOG.to_owned());
            let (api, stop) = (house.balancer.api(), stop.clone());
            tasks.spawn(publish_all(api, publisher, channels, stop));
        }
        Self { stop, tasks }
    }

    /// Has them go on for so long.
    pub(super) async fn go_on(&self, time: Duration) {
        sleep(time).await;
    }

    /// Has them end, and tells what they have published, in the order of each.
    pub(super) async fn end(mut self) -> Vec<Acknowledged> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(published) = self.tasks.join_next().await {
            all.extend(published.expect("all is acknowledged"));
        }
        all
    }
}

async fn publish_all(
    api: Api,
    publisher: usize,
    channels: Vec<String>,
    stop: CancellationToken,
) -> Vec<Acknowledged> {
    let mut all = Vec::new();
    for (number, channel) in channels.iter().cycle().enumerate() {
        if stop.is_cancelled() {
            break;
        }
        let data = json!({ "by": publisher, "n": number });
        let receipt = publish(&api, &format!("{publisher}-{number}"), channel, &data).await;
        all.push(Acknowledged {
            channel: channel.clone(),
            epoch: receipt["epoch"].as_str().expect("an epoch").to_owned(),
            offset: receipt["sequence"].as_u64().expect("a number"),
            data,
        });
        sleep(PAUSE).await;
    }
    all
}

/// Publishes until that is acknowledged, again and again under the same id.
pub(super) async fn publish(api: &Api, id: &str, channel: &str, data: &Value) -> Value {
    let event = json!({ "type": "said", "id": id, "channel": channel, "data": data });
    let mut last = String::new();
    let publishing = async {
        loop {
            let request = api.request(Method::POST, "/v1/events").json(&event);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(receipt) = answer.json::<Value>().await {
                        return receipt;
                    }
                }
                Ok(answer) => {
                    let status = answer.status();
                    last = format!("{status}: {}", answer.text().await.unwrap_or_default());
                    assert!(
                        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                        "{channel}: {last}"
                    );
                }
                Err(error) => last = error.to_string(),
            }
            sleep(POLL).await;
        }
    };
    let published = timeout(DEADLINE, publishing).await;
    published.unwrap_or_else(|_| panic!("nothing can be published to {channel}: {last}"))
}
