//! What has run out lets nobody in.

use crate::service::Caller;
use crate::testing::{TestManager, reason};

use super::{link, session, token};
use crate::clock;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_token_that_has_run_out_lets_nobody_in() {
    let manager = TestManager::start().await;
    let earlier = |ms: i64| Caller { now: clock::now().plus_ms(-ms), ..manager.caller.clone() };
    let (_, good) = token::create(&manager.services, &earlier(HOUR_MS), "good", 2 * HOUR_MS, None).await.unwrap();
    let (_, over) = token::create(&manager.services, &earlier(2 * HOUR_MS), "over", HOUR_MS, None).await.unwrap();
    assert_eq!(token::authenticate(&manager.services, good.reveal()).await.unwrap().name, "good");
    assert_eq!(reason(token::authenticate(&manager.services, over.reveal()).await), "BAD_TOKEN");
}

#[tokio::test]
async fn a_browser_is_signed_out_when_its_session_has_run_out() {
    let manager = TestManager::start().await;
    let (services, now) = (&manager.services, clock::now());
    let (_, code) = link::create(services, &Caller { now, ..manager.caller.clone() }, HOUR_MS, None).await.unwrap();
    let path = code.path();
    let (record, cookie) = link::exchange(services, path.split_once('#').unwrap().1, "a browser", now).await.unwrap();
    let until = record.expires_ms - now.0;
    assert!(until > 0 && until <= 12 * HOUR_MS, "{until}");
    for (later_ms, is_good) in [(until - 1, true), (until, false), (until + HOUR_MS, false)] {
        let caller = session::authenticate(services, cookie.reveal(), now.plus_ms(later_ms)).await;
        assert_eq!(caller.is_ok(), is_good, "after {later_ms} ms");
    }
}
