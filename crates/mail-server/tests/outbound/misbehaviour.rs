//! Hosts that misbehave at each place of the dialogue: nothing is lost, and no report says what is not so.

use std::time::Duration;

use mail_server::outbound::Options;
use mail_server::smtp::client::Times;

use crate::peer::{Act, PLACES, Place, Plan};
use crate::{MESSAGE, World, quick};

fn patient(time: Duration) -> Options {
    Options { times: Times::all(time), ..quick() }
}

/// Each first connection goes wrong, and the next one well.
fn goes_wrong(act: &Act, options: &Options) {
    for features in [&["PIPELINING"][..], &[]] {
        for place in PLACES {
            let what = format!("{act:?} at {place:?} with {features:?}");
            let world = World::with(Plan::with(features), options.clone());
            world.peer.next([Plan::with(features).act(place, act.clone())]);
            world.send(&["bob@there.test", "cy@there.test"]);
            world.drain(&what);
            assert_eq!(world.reports(), Vec::<String>::new(), "{what}");
            let answered: Vec<_> =
                world.peer.taken().into_iter().filter(|one| one.answered).collect();
            assert_eq!(answered.len(), 1, "{what}");
            assert_eq!(answered[0].message, MESSAGE, "{what}");
            assert_eq!(answered[0].rcpt.len(), 2, "{what}");
        }
    }
}

#[test]
fn a_host_that_refuses_for_now_is_asked_again() {
    goes_wrong(&Act::Say("451 4.3.0 not now"), &quick());
    goes_wrong(&Act::Say("421 4.3.2 going down"), &quick());
}

#[test]
fn a_host_that_hangs_up_is_asked_again() {
    goes_wrong(&Act::Drop, &quick());
}

#[test]
fn a_host_that_speaks_no_smtp_is_asked_again() {
    goes_wrong(&Act::Garbage, &quick());
    goes_wrong(&Act::Flood, &quick());
}

#[test]
fn a_host_that_stalls_is_asked_again() {
    goes_wrong(&Act::Stall, &patient(Duration::from_millis(200)));
}

#[test]
fn a_host_that_refuses_for_good_is_told_about_once() {
    for features in [&["PIPELINING"][..], &[]] {
        for place in [Place::Mail, Place::Rcpt, Place::Data, Place::End] {
            let what = format!("{place:?} with {features:?}");
            let world = World::new(Plan::with(features).act(place, Act::Say("554 5.7.1 go away")));
            world.send(&["bob@there.test", "cy@there.test"]);
            world.drain(&what);
            let reports = world.reports();
            assert_eq!(reports.len(), 1, "{what}: {reports:?}");
            for address in ["bob", "cy"] {
                let told = format!(
                    "Final-Recipient: rfc822;{address}@there.test\r\nAction: failed\r\nStatus: 5.7.1\r\n"
                );
                assert!(reports[0].contains(&told), "{what}: {}", reports[0]);
            }
        }
    }
}

/// RFC 5321 3.1: a host that does not want to talk says nothing about recipients.
#[test]
fn a_host_that_greets_with_554_does_not_end_a_message() {
    let world = World::new(Plan::modern());
    let away = || Plan::modern().act(Place::Greeting, Act::Say("554 no service"));
    world.peer.next([away(), away()]);
    world.send(&["bob@there.test"]);
    world.drain("sent in the end");
    assert_eq!((world.peer.taken().len(), world.reports().len()), (1, 0));
}

#[test]
fn an_old_host_is_spoken_to_in_its_way() {
    let world = World::new(Plan::with(&["DSN"]).act(Place::Ehlo, Act::Say("502 what?")));
    world.send(&["bob@there.test"]);
    world.drain("HELO");
    assert_eq!(world.peer.taken()[0].mail, "MAIL FROM:<ann@here.test>");
}
