//! Being told what changes, as it changes.

use std::time::{Duration, Instant};

use atoll_proto::v1;
use atoll_tests::{Fleet, PATIENCE};

use crate::browser::{Browser, Calling};
use crate::web::UNAUTHENTICATED;

/// Opens the stream.
pub fn watch(browser: &Browser, resume_token: &str) -> Calling {
    browser.stream("Telemetry/Watch", &v1::WatchRequest { resume_token: resume_token.to_owned() }).unwrap()
}

/// Waits for a message that is as wanted.
pub fn told(watching: &mut Calling, what: &str, wanted: impl Fn(&v1::WatchResponse) -> bool) -> v1::WatchResponse {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let news: v1::WatchResponse = watching.next().unwrap().expect("the stream goes on");
        assert!(!news.resume_token.is_empty() && news.now_ms > 0);
        if wanted(&news) {
            return news;
        }
    }
    panic!("was not told: {what}");
}

#[test]
fn who_watches_is_told_what_changes_and_goes_on_after_a_restart() {
    let mut fleet = Fleet::start();
    let node = fleet.join("n", "/eu", &[]);
    let browser = Browser::signed_in(&fleet);
    let mut watching = watch(&browser, "");
    let first = told(&mut watching, "the counters", |news| news.status.is_some());
    assert_eq!(first.status.unwrap().nodes, 1);
    assert!(first.events.is_empty() && !first.incomplete, "what was before is not news");

    fleet.cli.run(&["node", "label", "n", "role=web"]);
    let news = told(&mut watching, "the label", |news| !news.events.is_empty());
    assert_eq!((news.events[0].action.as_str(), news.events[0].subject.as_str()), ("node.label", "n"));
    assert_eq!(news.nodes[0].labels["role"], "web", "the node comes with it as it is now");
    fleet.cli.run(&["group", "create", "/us"]);
    let news = told(&mut watching, "the group", |news| news.events.iter().any(|event| event.subject == "/us"));

    drop(node);
    let gone = told(&mut watching, "the node is gone", |news| news.nodes.iter().any(|node| node.state == "offline"));
    assert!(gone.events.iter().all(|event| event.action != "node.label"), "each act is told once");
    told(&mut watching, "the counters", |news| news.status.as_ref().is_some_and(|status| status.nodes_online == 0));

    fleet.manager.stop();
    assert!(matches!(watching.next::<v1::WatchResponse>(), Ok(None)), "the stream ends when the manager stops");
    fleet.restart_manager();
    fleet.cli.run(&["group", "create", "/asia"]);
    let mut again = watch(&browser, &news.resume_token);
    let missed = told(&mut again, "what was missed", |news| !news.events.is_empty());
    assert!(!missed.incomplete);
    assert!(missed.events.iter().any(|event| event.subject == "/asia"));
    assert!(missed.nodes.iter().any(|node| node.name == "n"), "what happened to nodes meanwhile is told too");
    assert!(missed.events.iter().all(|event| event.number > first_number(&news)));
    for token in ["99999999.1", "nonsense"] {
        assert!(
            told(&mut watch(&browser, token), "that it does not know it", |news| news.incomplete).events.is_empty()
        );
    }
}

fn first_number(news: &v1::WatchResponse) -> u64 {
    news.events.last().map_or(0, |event| event.number)
}

#[test]
fn the_end_of_a_session_ends_its_open_stream() {
    let fleet = Fleet::start();
    let browser = Browser::signed_in(&fleet);
    let mut watching = watch(&browser, "");
    told(&mut watching, "the counters", |news| news.status.is_some());
    let id = fleet.cli.run(&["session", "list", "-o", "name"]);
    fleet.cli.run(&["session", "revoke", &id]);
    let since = Instant::now();
    loop {
        match watching.next::<v1::WatchResponse>() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream says why it ends"),
            Err(refused) => break assert_eq!(refused, UNAUTHENTICATED),
        }
    }
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_act_after_a_while_of_silence_is_told_at_once() {
    let fleet = Fleet::start();
    let browser = Browser::signed_in(&fleet);
    let mut watching = watch(&browser, "");
    told(&mut watching, "the counters", |news| news.status.is_some());
    for round in 0..4 {
        // Longer than the manager waits between two looks: it then waits for something to happen.
        std::thread::sleep(Duration::from_millis(700));
        let path = format!("/quiet-{round}");
        fleet.cli.run(&["group", "create", &path]);
        let asked = Instant::now();
        told(&mut watching, "the new group", |news| news.events.iter().any(|event| event.subject == path));
        assert!(asked.elapsed().as_secs() < 5, "it was not told before the next sign of life");
    }
}
