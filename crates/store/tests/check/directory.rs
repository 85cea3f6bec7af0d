//! Damage of the directory of accounts and of the jobs.

use store::check::What;
use store::engine::Space;
use store::{AccountId, StoreError};

use super::fixture::{Fixture, mends, nothing, whats};

const DIRECTORY: Space = Space::Directory;

fn account_key(id: AccountId) -> Vec<u8> {
    [&[0x10][..], &id.0.to_be_bytes()].concat()
}

#[test]
fn an_account_comes_back_disabled() {
    for flip in [false, true] {
        let damage = |f: &Fixture| match flip {
            true => f.flip(DIRECTORY, &account_key(f.me.id)),
            false => f.delete(DIRECTORY, &account_key(f.me.id)),
        };
        let (fixture, _) = mends("an account", damage, &[What::Account], nothing);
        let account = fixture.store.account(fixture.me.id).unwrap();
        assert!(account.disabled);
        assert_eq!(account.address, fixture.me.address);
        assert_eq!(account.mailbox, fixture.me.mailbox);
        assert_eq!(account.mailbox_guid, fixture.me.mailbox_guid);
        // The password is the same, and opens nothing until somebody says so.
        let verified = fixture.store.verify_password("me@example.test", "a password");
        assert!(matches!(verified, Err(StoreError::Disabled)));
    }
}

#[test]
fn entries_that_lead_to_accounts() {
    for kind in [0x11, 0x12, 0x13, 0x14] {
        let entry = |f: &Fixture| {
            let mut keys = f.keys(DIRECTORY, &[kind]).into_iter();
            keys.find(|key| f.get(DIRECTORY, key)[..] == f.me.id.0.to_be_bytes()).unwrap()
        };
        let missing = |f: &Fixture| f.delete(DIRECTORY, &entry(f));
        let (fixture, _) = mends("missing", missing, &[What::AccountIndex], nothing);
        assert!(fixture.store.account_by_address("me@example.test").unwrap().is_some());
        let flipped = |f: &Fixture| f.flip(DIRECTORY, &entry(f));
        mends("flipped", flipped, &[What::AccountIndex], nothing);
        let other = |f: &Fixture| f.put(DIRECTORY, &entry(f), f.you.id.0.to_be_bytes());
        mends("another's", other, &[What::AccountIndex], nothing);
    }
    let stray = |f: &Fixture| f.put(DIRECTORY, b"\x11old@example.test", f.me.id.0.to_be_bytes());
    mends("stray", stray, &[What::AccountIndex], nothing);
}

#[test]
fn credentials_and_grants() {
    let credential = |f: &Fixture| f.keys(DIRECTORY, &[0x15])[0].clone();
    mends("credential", |f| f.flip(DIRECTORY, &credential(f)), &[What::Credential], nothing);
    for kind in [0x16, 0x17] {
        let grant = |f: &Fixture| f.keys(DIRECTORY, &[kind])[0].clone();
        let (fixture, _) =
            mends("one-sided", |f| f.delete(DIRECTORY, &grant(f)), &[What::Grant], nothing);
        assert!(!fixture.store.may_open(fixture.me.mailbox, fixture.you.id).unwrap());
    }
    let nobody = |f: &Fixture| {
        let mailbox = f.me.mailbox.0.to_be_bytes();
        f.put(DIRECTORY, &[&[0x16][..], &mailbox, &77u64.to_be_bytes()].concat(), [1]);
    };
    mends("to nobody", nobody, &[What::Grant], nothing);
}

#[test]
fn last_numbers_site_and_leases() {
    let behind = |f: &Fixture| f.alter(DIRECTORY, &[2], |value| value[1] = 1);
    mends("behind", behind, &[What::Numbers], nothing);
    let (fixture, _) = mends("flipped", |f| f.flip(DIRECTORY, &[2]), &[What::Numbers], nothing);
    let new = crate::common::account(&fixture.store, "third@example.test");
    assert!(new.id > fixture.you.id && new.mailbox > fixture.you.mailbox);
    assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
    let dn = Fixture::new().store.server_dn().unwrap();
    let (fixture, _) = mends("site", |f| f.delete(DIRECTORY, &[1]), &[What::Site], nothing);
    assert_eq!(fixture.store.server_dn().unwrap(), dn);
}

#[test]
fn mailboxes_without_accounts_and_accounts_without_mailboxes() {
    let fixture = Fixture::new();
    for key in fixture.keys(Space::Mailbox, &fixture.you.mailbox.0.to_be_bytes()) {
        fixture.delete(Space::Mailbox, &key);
    }
    let found = fixture.repair();
    assert_eq!(whats(&found), [What::MissingMailbox.code()].into());
    assert_eq!(found.left(), 1);
    let fixture = Fixture::new();
    fixture.put(Space::Mailbox, &super::fixture::key(store::MailboxNumber(99), 2, &[]), &b"?"[..]);
    let codes = whats(&fixture.check());
    assert!(codes.contains(What::StrayMailbox.code()), "{codes:?}");
}

#[test]
fn jobs() {
    let of_account = |f: &Fixture| {
        f.put(Space::Queue, &[&b"jm"[..], &f.you.mailbox.0.to_be_bytes()].concat(), &b""[..]);
    };
    let fixture = Fixture::new();
    of_account(&fixture);
    let codes = whats(&fixture.check());
    assert_eq!(codes, [What::Job.code()].into());
    assert!(fixture.repair().is_clean());
    // It would have removed the mailbox at the next start.
    let again = crate::common::on_engine(fixture.engine.clone());
    assert!(again.mailbox(fixture.you.mailbox).is_ok());
    let present = |f: &Fixture| {
        use mapi::Wire;
        let folder = super::fixture::bytes(f.work.to_wire());
        let key = [&b"jf"[..], &f.me.mailbox.0.to_be_bytes(), &folder].concat();
        f.put(Space::Queue, &key, &b""[..]);
    };
    mends("of a folder that is there", present, &[What::Job], nothing);
}
