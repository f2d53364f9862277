//! Whoever watches what happens about a thing, wherever it happens.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_shown_what_is_distributed_anywhere_after_the_answer() {
    let house = House::new().await;
    let door = Balancer::before(&[house.node("a")]).await;
    for number in 0..20 {
        let subject = format!("ORDER-{number}");
        let channel = format!("subject:{subject}");
        let session = Roamer::at(&door.address, [channel.clone()]);
        session.settled().await;
        let publish = async |node: &str, distributed: bool, data: &str| {
            let event = json!({
                "type": "shop.paid", "subject": subject, "distributed": distributed, "data": { "of": data },
            });
            let answer = house.node(node).post(&event).await;
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
        };
        publish("b", false, "what stays there").await;
        publish("b", true, "what goes anywhere").await;
        let has_it = |noted: &Noted| !noted.channels[&channel].publications.is_empty();
        let noted = session.until("what was distributed", has_it).await;
        let publications = &noted.channels[&channel].publications;
        assert_eq!(publications[0].data["of"], "what goes anywhere");
    }
}
