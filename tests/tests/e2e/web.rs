//! The web UI's side of the manager: signing in and out, and what other sites cannot do.

use std::time::Duration;

use atoll_proto::v1;
use atoll_tests::{Cli, Fleet, FleetOptions, eventually};

use crate::browser::{Browser, Refused, code};
use crate::story::fresh_postgresql;
use crate::watch::{told, watch};

pub const UNAUTHENTICATED: Refused = Refused(16);
const DENIED: Refused = Refused(7);

fn who(browser: &Browser) -> Result<v1::WhoAmIResponse, Refused> {
    browser.call("Access/WhoAmI", &v1::WhoAmIRequest {})
}

#[test]
fn a_link_signs_one_browser_in_once() {
    let fleet = Fleet::start();
    let code = code(&fleet);
    // Of several that come at once with the same code, one gets in.
    let attempts: Vec<_> = (0..4)
        .map(|_| {
            let (mut browser, code) = (Browser::at(&fleet), code.clone());
            std::thread::spawn(move || (browser.sign_in(&code), browser))
        })
        .collect();
    let (mut inside, mut refused) = (Vec::new(), 0);
    for attempt in attempts {
        let (page, browser) = attempt.join().unwrap();
        if page.status == 204 {
            let cookie = page.header("set-cookie").unwrap().to_owned();
            for part in ["atoll_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            assert!(!cookie.contains("Secure"), "a browser would not send it back over plain HTTP: {cookie}");
            inside.push(browser);
        } else {
            assert_eq!((page.status, page.reason().as_str()), (401, "BAD_SIGN_IN_CODE"), "{page:?}");
            refused += 1;
        }
    }
    assert_eq!((inside.len(), refused), (1, 3));

    let seen = who(&inside[0]).unwrap();
    assert_eq!(seen.name, "admin", "a session acts in the name of who made the link");
    assert!(seen.session_expires_ms > 0);
    for wrong in ["", "nonsense", &format!("{}_{}", uuid::Uuid::nil().simple(), "0".repeat(64))] {
        assert_eq!(Browser::at(&fleet).sign_in(wrong).reason(), "BAD_SIGN_IN_CODE");
    }
    let log = fleet.manager.output();
    assert!(!log.contains("/sign-in#") && !log.contains(&code), "a log is no place for a link");
    let expired = fleet.cli.run(&["ui", "open", "--print", "--expires", "1ms"]);
    std::thread::sleep(Duration::from_millis(5));
    let page = Browser::at(&fleet).sign_in(expired.split_once('#').unwrap().1);
    assert_eq!((page.status, page.reason().as_str()), (401, "BAD_SIGN_IN_CODE"));
    fleet.cli.attempt(&["ui", "open", "--print", "--expires", "2h"]).refused(2, "at most an hour");
}

#[test]
fn the_link_beside_the_keys_signs_in_in_the_name_of_the_console_and_is_in_no_log() {
    let fleet = Fleet::start();
    let path = fleet.path("manager/sign-in.link");
    let link = eventually("the link is written", || std::fs::read_to_string(&path).ok());
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
    let code = link.split_once("/sign-in#").unwrap().1.trim().to_owned();
    assert!(!fleet.manager.output().contains(&code), "logs are read by more people than keys are");
    let mut browser = Browser::at(&fleet);
    assert_eq!(browser.sign_in(&code).status, 204);
    assert_eq!(who(&browser).unwrap().name, "console");
    fleet.cli.attempt(&["token", "create", "console"]).refused(2, "BAD_NAME");
}

#[test]
fn another_sites_page_gets_nothing_out_of_the_cookie() {
    let fleet = Fleet::start();
    let browser = Browser::signed_in(&fleet);
    assert!(who(&browser).is_ok());
    assert!(who(&browser.with("sec-fetch-site", None)).is_ok(), "older browsers do not say it");
    assert_eq!(who(&browser.with("origin", None)).unwrap_err(), DENIED);
    assert_eq!(who(&browser.with("sec-fetch-site", Some("cross-site"))).unwrap_err(), DENIED);
    assert_eq!(who(&browser.with("sec-fetch-site", Some("same-site"))).unwrap_err(), DENIED);
    assert_eq!(who(&browser.with("origin", Some(&format!("https://{}", browser.host)))).unwrap_err(), DENIED);
    assert_eq!(who(&browser.with("cookie", None)).unwrap_err(), UNAUTHENTICATED);
    assert_eq!(who(&browser.with("cookie", Some("atoll_session=x_y"))).unwrap_err(), UNAUTHENTICATED);
    for origin in ["http://evil.example", "http://127.0.0.1:1", "null"] {
        let elsewhere = browser.with("origin", Some(origin));
        assert_eq!(elsewhere.send("POST", "/atoll.v1.Access/WhoAmI", b"").status, 421, "{origin}");
        assert_eq!(elsewhere.send("DELETE", "/session", b"").status, 421, "{origin}");
    }
    // A page cannot sign its visitor in under a name of its own choosing either.
    let code = code(&fleet);
    for stranger in [browser.with("origin", None), browser.with("sec-fetch-site", Some("cross-site"))] {
        let page = stranger.clone().sign_in(&code);
        assert_eq!((page.status, page.reason().as_str()), (403, "CROSS_ORIGIN"));
        assert_eq!(stranger.send("DELETE", "/session", b"").status, 403);
    }
    assert_eq!(Browser::at(&fleet).sign_in(&code).status, 204, "the code was not used up by them");
    // The token of a program needs no origin, and the cookie does not help a wrong one.
    let wrong = browser.with("authorization", Some("Bearer nonsense"));
    assert_eq!(who(&wrong).unwrap_err(), UNAUTHENTICATED);
}

#[test]
fn every_answer_that_is_not_grpc_protects_the_page() {
    let fleet = Fleet::start();
    let mut browser = Browser::at(&fleet).with("accept", Some("text/html"));
    let page = browser.send("GET", "/", b"");
    let is_built = page.status == 200;
    if !is_built {
        assert_eq!(page.status, 503);
        assert!(page.text().contains("make ui"), "{page:?}");
    }
    let (view, asset) = (browser.send("GET", "/nodes/x", b""), browser.send("GET", "/assets/none.js", b""));
    assert_eq!((view.status, asset.status), (page.status, 404), "views are the page, assets are what they are");
    let others = [
        browser.send("GET", "/livez", b""),
        browser.send("HEAD", "/", b""),
        browser.send("GET", "/atoll.v1.Fleet/ListNodes", b""),
        browser.send("POST", "/nowhere", b""),
        browser.sign_in("nonsense"),
    ];
    for page in [page, view, asset].iter().chain(&others) {
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{page:?}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(page.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(page.header("permissions-policy").unwrap().contains("camera=()"));
    }
    assert_eq!(others[2].status, 401, "a call is a call, whatever the method");
    assert_eq!(others[3].status, 404);
    if is_built {
        let page = browser.send("GET", "/", b"");
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        let known = browser.with("if-none-match", page.header("etag"));
        assert_eq!(known.send("GET", "/", b"").status, 304);
        let zipped = browser.with("accept-encoding", Some("gzip")).send("GET", "/", b"");
        assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    }
}

#[test]
fn a_session_outlives_a_restart_and_ends_when_somebody_ends_it() {
    let mut fleet = Fleet::start();
    let (one, other) = (Browser::signed_in(&fleet), Browser::signed_in(&fleet));
    fleet.manager.stop();
    fleet.restart_manager();
    assert!(who(&one).is_ok() && who(&other).is_ok());

    let options = Some(v1::ListOptions::default());
    let seen: v1::ListSessionsResponse = one.call("Access/ListSessions", &v1::ListSessionsRequest { options }).unwrap();
    assert_eq!(seen.sessions.iter().filter(|session| session.current).count(), 1);
    let page = one.send("DELETE", "/session", b"");
    assert_eq!(page.status, 204);
    assert!(page.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(who(&one).unwrap_err(), UNAUTHENTICATED);

    let sessions = fleet.cli.run(&["session", "list", "-o", "name"]);
    assert_eq!(sessions.lines().count(), 1, "{sessions}");
    fleet.cli.run(&["session", "revoke", sessions.trim()]);
    assert_eq!(who(&other).unwrap_err(), UNAUTHENTICATED, "at once");
    fleet.cli.attempt(&["session", "revoke", sessions.trim()]).refused(3, "no session");

    // A session ends with the token that its link was made with.
    let text = fleet.cli.run(&["token", "create", "alice"]);
    let alice = Cli { token_file: fleet.path("alice.token"), ..fleet.cli.clone() };
    std::fs::write(&alice.token_file, text).unwrap();
    let link = alice.run(&["ui", "open", "--print"]);
    let unused = alice.run(&["ui", "open", "--print"]);
    let mut hers = Browser::at(&fleet);
    assert_eq!(hers.sign_in(link.split_once('#').unwrap().1).status, 204);
    assert_eq!(who(&hers).unwrap().name, "alice");
    fleet.cli.run(&["token", "revoke", "alice"]);
    assert_eq!(who(&hers).unwrap_err(), UNAUTHENTICATED, "at once");
    assert_eq!(hers.sign_in(unused.split_once('#').unwrap().1).status, 401);
    let acts = fleet.cli.run(&["audit", "list", "--filter", "session"]);
    assert!(acts.contains("session.create") && acts.contains("session.revoke"), "{acts}");
}

#[test]
fn a_session_is_good_at_every_replica_and_its_end_counts_at_all_of_them() {
    let Some(url) = fresh_postgresql() else { return };
    let fleet = Fleet::start_with(FleetOptions { database_url: Some(url), ..FleetOptions::default() });
    let replica = fleet.replica();
    let here = Browser::signed_in(&fleet);
    let there = Browser { host: Browser::at(&replica).host, ..here.clone() };
    let there = there.with("origin", Some(&replica.cli.server));
    assert_eq!(who(&there).unwrap().name, "admin");
    let watching = &mut watch(&there, "");
    fleet.join_token("/eu", &[]);
    told(watching, "what the other replica did", |news| news.events.iter().any(|event| event.subject == "/eu"));
    assert_eq!(here.send("DELETE", "/session", b"").status, 204);
    eventually("the other replica knows", || who(&there).is_err().then_some(()));
}

#[test]
fn views_are_kept_for_their_owner_and_shared_ones_for_all() {
    let fleet = Fleet::start();
    let browser = Browser::signed_in(&fleet);
    let save = |name: &str, query: &str, shared: bool| {
        let (name, screen, query) = (name.to_owned(), "nodes".to_owned(), query.to_owned());
        browser.call::<v1::SaveViewResponse>("Access/SaveView", &v1::SaveViewRequest { name, screen, query, shared })
    };
    let mine = save("mine", "filter=a", false).unwrap().view.unwrap();
    save("ours", "filter=b", true).unwrap();
    assert_eq!(save("mine", "filter=c", false).unwrap().view.unwrap().id, mine.id, "the same name is the same view");
    assert_eq!(save("", "", false).unwrap_err(), Refused(3));

    let mut console = Browser::at(&fleet);
    let link = std::fs::read_to_string(fleet.path("manager/sign-in.link")).unwrap();
    console.sign_in(link.split_once("/sign-in#").unwrap().1.trim());
    let list = |browser: &Browser| {
        let request = v1::ListSavedViewsRequest { options: None };
        browser.call::<v1::ListSavedViewsResponse>("Access/ListSavedViews", &request).unwrap().views
    };
    let names = |browser: &Browser| list(browser).into_iter().map(|view| view.name).collect::<Vec<_>>();
    assert_eq!(
        (names(&browser), names(&console)),
        (vec!["mine".to_owned(), "ours".to_owned()], vec!["ours".to_owned()])
    );
    assert_eq!(list(&browser)[0].query, "filter=c");
    let delete = |browser: &Browser, id: &str| {
        browser.call::<v1::DeleteViewResponse>("Access/DeleteView", &v1::DeleteViewRequest { id: id.to_owned() })
    };
    let ours = list(&console)[0].id.clone();
    assert_eq!(delete(&console, &ours).unwrap_err(), DENIED);
    assert_eq!(delete(&console, &mine.id).unwrap_err(), Refused(5), "what is not shared does not exist for others");
    delete(&browser, &ours).unwrap();
    assert_eq!(names(&browser), ["mine"]);
}

#[test]
fn the_manager_remembers_how_the_fleet_was() {
    let fleet = Fleet::start();
    let browser = Browser::signed_in(&fleet);
    let samples = eventually("the first sample is taken", || {
        let request = v1::ListSamplesRequest::default();
        let list: v1::ListSamplesResponse = browser.call("Telemetry/ListSamples", &request).unwrap();
        (!list.samples.is_empty()).then_some(list.samples)
    });
    assert_eq!((samples[0].nodes, samples[0].online), (0, 0));
}
