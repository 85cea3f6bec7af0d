//! Mail whose sender is looked at on its way in.

use mail_server::authenticate::{Authenticator, Options};
use mail_server::dkim::Signer;
use mail_server::dns::{self, System, Zone};
use mail_server::smtp::{Limits, Role};
use store::SpecialFolder;

use crate::rig::{Client, Rig};

fn send(client: &mut Client, message: &str) -> String {
    assert!(client.say("MAIL FROM:<ann@good.test>").starts_with("250"));
    assert!(client.say("RCPT TO:<bob@here.test>").starts_with("250"));
    assert!(client.say("DATA").starts_with("354"));
    client.say(&format!("{message}\r\n."))
}

#[test]
fn what_fails_is_junk_or_refused_and_the_rest_is_stamped() {
    let data = tempfile::tempdir().expect("a folder");
    let zone = Zone::new()
        .txt("good.test", "v=spf1 ip4:127.0.0.1 -all")
        .txt("_dmarc.good.test", "v=DMARC1; p=reject")
        .txt("_dmarc.other.test", "v=DMARC1; p=reject");
    let serving = zone.serve().expect("a name server");
    let servers = vec![serving.address()];
    let system = System::new(&dns::Options { servers, ..dns::Options::default() });
    let system = system.expect("a resolver");
    let signer = std::sync::Arc::new(Signer::new(data.path()));
    for reject in [false, true] {
        let options = Options { reject, ..Options::new("mail.here.test") };
        let authenticator = Authenticator::new(&system, std::sync::Arc::clone(&signer), options);
        let rig = Rig::authenticating(Limits::default(), authenticator);
        let mut client = rig.connect(Role::Smtp);
        client.answer();
        assert!(client.say("EHLO mx.good.test").starts_with("250"));
        let good =
            "Authentication-Results: mail.here.test; dmarc=pass\r\nFrom: ann@good.test\r\n\r\ngood";
        assert!(send(&mut client, good).starts_with("250"), "good mail");
        let inbox = rig.inbox("bob");
        assert_eq!(inbox.len(), 1);
        let text = String::from_utf8(inbox[0].clone()).expect("text");
        assert_eq!(text.matches("Authentication-Results:").count(), 1, "{text}");
        assert!(text.contains("spf=pass") && text.contains("dmarc=pass"), "{text}");
        let bad = "From: ann@other.test\r\n\r\nbad";
        let answer = send(&mut client, bad);
        let junk = rig.messages("bob", SpecialFolder::JunkEmail);
        match reject {
            false => {
                assert!(answer.starts_with("250"), "{answer}");
                let text = String::from_utf8(junk[0].clone()).expect("text");
                assert!(text.contains("dmarc=fail"), "{text}");
                assert!(text.contains("X-MS-Exchange-Organization-SCL: 9"), "{text}");
            }
            true => {
                assert!(
                    answer.starts_with("550 5.7.1") && answer.contains("other.test"),
                    "{answer}"
                );
                assert!(junk.is_empty());
            }
        }
        // The session goes on.
        assert!(send(&mut client, good).starts_with("250"), "good mail again");
        assert_eq!(rig.inbox("bob").len(), 2);
        assert!(client.say("QUIT").starts_with("221"));
        drop(client);
        rig.is_at_base();
    }
}
