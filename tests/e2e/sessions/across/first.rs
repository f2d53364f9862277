//! Whoever is the first of a node to read what lies on another.

use super::*;

/// Logs, so many that each node has some.
const LOGS: usize = 30;

fn ticket(number: usize) -> String {
    format!("ticket:{number}")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_first_on_a_node_gets_what_is_appended_on_another() {
    let house = House::new().await;
    let api = house.balancer.api();
    for number in 0..LOGS {
        let event = json!({ "type": "said", "channel": ticket(number), "data": { "n": 1 } });
        // One that is being made is refused for now.
        let publishing = async {
            while !api.post(&event).await.status().is_success() {
                sleep(POLL).await;
            }
        };
        let published = timeout(DEADLINE, publishing).await;
        published.unwrap_or_else(|_| panic!("ticket {number} is never made"));
    }
    // One session for each log on each node, so that all are opened one by one.
    let (mut doors, mut sessions) = (Vec::new(), Vec::new());
    for node in house.nodes.values() {
        let door = Balancer::before(&[node]).await;
        for number in 0..LOGS {
            let session = Roamer::at(&door.address, [ticket(number)]);
            session.settled().await;
            sessions.push((number, session));
        }
        doors.push(door);
    }
    for number in 0..LOGS {
        let event = json!({ "type": "said", "channel": ticket(number), "data": { "n": 2 } });
        assert_eq!(api.post(&event).await.status(), StatusCode::CREATED);
    }
    for (number, session) in &sessions {
        let ticket = ticket(*number);
        let has_it = |noted: &Noted| noted.channels[&ticket].publications.len() == 1;
        let noted = session.until("what was appended", has_it).await;
        assert_eq!(noted.refused, [""; 0]);
        assert_eq!(noted.channels[&ticket].publications[0].data["n"], 2);
    }
}
