//! Against a name server with a table, and keys of our own.

use super::*;
use crate::dkim::keys::{self, Algorithm, Domain, Selector};
use crate::dns::{Options as DnsOptions, Serving, Zone};

const MESSAGE: &str =
    "From: Ann <ann@good.test>\r\nTo: bob@here.test\r\nSubject: s\r\nDate: now\r\n\r\nHello.\r\n";

struct Ground {
    authenticator: Arc<Authenticator>,
    signer: Arc<Signer>,
    serving: Serving,
    _data: tempfile::TempDir,
}

/// good.test signs, may send from 192.0.2.1, and wants everything else rejected; quiet.test has no policy, soft.test
/// one that puts aside; sealer.test seals.
fn ground(change: impl FnOnce(&mut Options)) -> Ground {
    let data = tempfile::tempdir().expect("a folder");
    let mut zone = Zone::new()
        .txt("good.test", "v=spf1 ip4:192.0.2.1 -all")
        .txt("_dmarc.good.test", "v=DMARC1; p=reject")
        .txt("quiet.test", "v=spf1 ip4:192.0.2.1 -all")
        .txt("soft.test", "v=spf1 ip4:192.0.2.1 ~all")
        .txt("_dmarc.soft.test", "v=DMARC1; p=quarantine")
        .txt("loop.test", "v=spf1 include:loop.test -all")
        .txt("mx.client.test", "v=spf1 ip4:192.0.2.9 -all")
        .fails("broken.test")
        .fails("_dmarc.broken.test");
    for (domain, selector, algorithm) in [
        ("good.test", "rsa", Algorithm::Rsa),
        ("good.test", "ed", Algorithm::Ed25519),
        ("sealer.test", "s", Algorithm::Ed25519),
        ("here.test", "s", Algorithm::Rsa),
    ] {
        let domain: Domain = domain.parse().expect("a domain");
        let selector: Selector = selector.parse().expect("a selector");
        let key = keys::make(data.path(), &domain, &selector, algorithm).expect("a key");
        zone = zone.txt(&keys::record_name(&domain, &selector), &key.record());
    }
    let serving = zone.serve().expect("a name server");
    let dns = DnsOptions { servers: vec![serving.address()], ..DnsOptions::default() };
    let system = System::new(&dns).expect("a resolver");
    let signer = Arc::new(Signer::new(data.path()));
    let mut options = Options::new("mail.here.test");
    change(&mut options);
    let authenticator = Authenticator::new(&system, Arc::clone(&signer), options);
    Ground { authenticator, signer, serving, _data: data }
}

impl Ground {
    fn look(&self, message: &str, address: &str, sender: &str) -> (String, Verdict) {
        let origin = Origin {
            address: Some(address.parse().expect("an address")),
            client: "mx.client.test".to_owned(),
            sender: sender.to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let looked = self.authenticator.look(message.as_bytes().to_vec(), origin);
        let (message, verdict) = runtime.expect("a runtime").block_on(looked);
        (String::from_utf8(message).expect("text"), verdict)
    }

    fn signed(&self, message: &str, domain: &str) -> String {
        let fields = self.signer.sign(message.as_bytes(), domain).expect("signed");
        String::from_utf8(fields).expect("text") + message
    }
}

fn said(verdict: &Verdict) -> String {
    String::from_utf8(verdict.fields.clone()).expect("text")
}

const RIGHT: &str = "192.0.2.1";
const WRONG: &str = "192.0.2.66";

#[test]
fn what_is_signed_and_comes_from_the_right_host_is_good() {
    let ground = ground(|options| options.reject = true);
    let message = ground.signed(MESSAGE, "good.test");
    let (after, verdict) = ground.look(&message, RIGHT, "ann@good.test");
    assert_eq!((verdict.action.clone(), &after), (Action::Accept, &message));
    let said = said(&verdict);
    assert!(said.starts_with("Authentication-Results: mail.here.test;\r\n"), "{said}");
    assert_eq!(said.matches("dkim=pass").count(), 2, "{said}");
    for part in ["spf=pass", "dmarc=pass", "header.s=ed", "header.s=rsa", "policy.dmarc=reject"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // A signature alone is enough, and so is the host.
    for (message, address) in [(&message[..], WRONG), (MESSAGE, RIGHT)] {
        let (_, verdict) = ground.look(message, address, "ann@good.test");
        assert_eq!(verdict.action, Action::Accept, "{verdict:?}");
    }
}

#[test]
fn what_a_policy_refuses_is_refused_or_junk() {
    let strict = ground(|options| options.reject = true);
    let lenient = ground(|_| ());
    let signed = strict.signed(MESSAGE, "good.test");
    let changed = signed.replace("Hello", "Hell");
    let added = format!("Subject: another\r\n{signed}");
    for (message, sender) in [
        (MESSAGE, "ann@good.test"),
        (MESSAGE, ""),
        // The host may send for another domain, and that is none of this one's business.
        (MESSAGE, "x@quiet.test"),
        (&changed, "ann@good.test"),
        (&added, "ann@good.test"),
    ] {
        let (_, verdict) = strict.look(message, WRONG, sender);
        let expected = Action::Reject { domain: "good.test".to_owned() };
        assert_eq!(verdict.action, expected, "{message} {sender}: {}", said(&verdict));
    }
    let (_, verdict) = lenient.look(MESSAGE, WRONG, "ann@good.test");
    assert_eq!(verdict.action, Action::Junk(9));
    assert!(said(&verdict).ends_with("X-MS-Exchange-Organization-SCL: 9\r\n"), "{verdict:?}");
    let soft = MESSAGE.replace("good.test", "soft.test");
    for ground in [&strict, &lenient] {
        let (_, verdict) = ground.look(&soft, WRONG, "ann@soft.test");
        assert_eq!(verdict.action, Action::Junk(6));
    }
    let quiet = MESSAGE.replace("good.test", "quiet.test");
    let (_, verdict) = lenient.look(&quiet, WRONG, "ann@quiet.test");
    assert_eq!(verdict.action, Action::Junk(5), "{}", said(&verdict));
    let (_, verdict) = lenient.look(&quiet, RIGHT, "ann@quiet.test");
    assert_eq!(verdict.action, Action::Accept);
}

#[test]
fn a_second_author_is_no_way_around_a_policy() {
    let ground = ground(|options| options.reject = true);
    for message in [
        format!("From: x@quiet.test\r\n{MESSAGE}"),
        MESSAGE.replace("<ann@good.test>", "<ann@good.test>, x@quiet.test"),
    ] {
        let (_, verdict) = ground.look(&message, WRONG, "x@none.test");
        assert_ne!(verdict.action, Action::Accept, "{}", said(&verdict));
    }
}

#[test]
fn what_cannot_be_asked_refuses_nothing() {
    let ground = ground(|options| options.reject = true);
    let message = MESSAGE.replace("good.test", "broken.test");
    let (_, verdict) = ground.look(&message, WRONG, "ann@broken.test");
    assert_eq!(verdict.action, Action::Accept, "{}", said(&verdict));
    assert!(said(&verdict).contains("spf=temperror"), "{}", said(&verdict));
    assert!(said(&verdict).contains("dmarc=temperror"), "{}", said(&verdict));
    // Nobody there at all: it ends in time.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let servers = vec![silent.local_addr().expect("an address")];
    let dns = DnsOptions { servers, ..DnsOptions::default() };
    let system = System::new(&dns).expect("a resolver");
    let options = Options { within: Duration::from_millis(100), reject: true, ..Options::new("m") };
    let authenticator = Authenticator::new(&system, Arc::clone(&ground.signer), options);
    let ground = Ground { authenticator, ..ground };
    let (_, verdict) = ground.look(MESSAGE, WRONG, "ann@good.test");
    assert_eq!(verdict.action, Action::Accept);
    let fields = said(&verdict);
    assert!(fields.contains("dmarc=temperror"), "{fields}");
}

#[test]
fn costs_are_bounded() {
    let ground = ground(|_| ());
    let before = ground.serving.asked();
    let quiet = MESSAGE.replace("good.test", "loop.test");
    let (_, verdict) = ground.look(&quiet, WRONG, "ann@loop.test");
    assert!(said(&verdict).contains("spf=permerror"), "{}", said(&verdict));
    assert!(ground.serving.asked() - before < 40);
    // A hundred signatures, each by a key of its own.
    let signed = ground.signed(MESSAGE, "good.test");
    let one = &signed[..signed.find("From:").expect("a From")];
    let one = &one[..one.rfind("DKIM-Signature").expect("two")];
    let many: String =
        (0..100).map(|n| one.replace("s=ed;", &format!("s=k{n};"))).collect::<String>() + &signed;
    let before = ground.serving.asked();
    let (_, verdict) = ground.look(&many, WRONG, "ann@good.test");
    assert!(ground.serving.asked() - before < 30, "{}", ground.serving.asked() - before);
    assert!(said(&verdict).matches("dkim=").count() <= 8, "{}", said(&verdict));
    assert!(verdict.fields.len() < 4_096);
    let huge = format!("X-Big: {}\r\n{MESSAGE}", "x".repeat(300_000));
    assert_eq!(ground.look(&huge, WRONG, "a@b.test").1.action, Action::HeaderTooLarge);
    for broken in ["", "\r\n", "x", "DKIM-Signature:\r\n\r\n", "From:\r\nDKIM-Signature: v=1; b=x"]
    {
        assert_eq!(ground.look(broken, "192.0.2.9", "").1.action, Action::Accept, "{broken}");
    }
}

#[test]
fn forged_results_go_and_those_of_others_stay() {
    let ground = ground(|_| ());
    let forged = "Authentication-Results: mail.here.test; dmarc=pass\r\n";
    let other = "Authentication-Results: elsewhere.test; dmarc=pass\r\n";
    let (after, _) = ground.look(&format!("{forged}{other}{MESSAGE}"), RIGHT, "ann@good.test");
    assert_eq!(after, format!("{other}{MESSAGE}"));
}

#[test]
fn a_trusted_seal_vouches_for_what_is_sent_on() {
    // It came from the right host, unsigned, to one who seals it and sends it on.
    let sealer: Domain = "sealer.test".parse().expect("a domain");
    let first = ground(|options| options.seal = Some(sealer.clone()));
    let sealed = |address: &str| {
        let (message, verdict) = first.look(MESSAGE, address, "ann@good.test");
        let sealed = said(&verdict) + &message;
        assert!(sealed.starts_with("ARC-Seal:"), "{sealed}");
        sealed
    };
    let good = sealed(RIGHT);
    let second = |trusted: &[&Domain]| {
        let servers = vec![first.serving.address()];
        let dns = DnsOptions { servers, ..DnsOptions::default() };
        let system = System::new(&dns).expect("a resolver");
        let trusted_sealers = trusted.iter().map(|domain| (*domain).clone()).collect();
        let options = Options { trusted_sealers, reject: true, ..Options::new("mail.there.test") };
        Ground {
            authenticator: Authenticator::new(&system, Arc::clone(&first.signer), options),
            signer: Arc::clone(&first.signer),
            serving: Zone::new().serve().expect("a name server"),
            _data: tempfile::tempdir().expect("a folder"),
        }
    };
    let (_, verdict) = second(&[&sealer]).look(&good, WRONG, "ann@good.test");
    assert_eq!(verdict.action, Action::Accept, "{}", said(&verdict));
    assert!(said(&verdict).contains("arc=pass"), "{}", said(&verdict));
    // Who does not trust it refuses, and so does everybody what was changed or was bad from the beginning.
    let changed = good.replace("Hello", "Hell");
    let bad = sealed(WRONG);
    let other: Domain = "other.test".parse().expect("a domain");
    for (message, trusted) in
        [(&good, &[][..]), (&good, &[&other]), (&changed, &[&sealer]), (&bad, &[&sealer])]
    {
        let (_, verdict) = second(trusted).look(message, WRONG, "ann@good.test");
        assert!(matches!(verdict.action, Action::Reject { .. }), "{}", said(&verdict));
    }
}
