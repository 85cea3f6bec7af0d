//! The operations that are done once each, with a fault at every step of their files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mapi_session::{Loopback, Profile, Session};
use store::backup::{self, Repository, WholeOptions};
use store::folder::NewFolder;
use store::message::ImportOptions;
use store::{NewAccount, SpecialFolder, Store};

use super::model::{Effect, Group, Model, State};
use super::work::{Local, Worker, say};
use super::{USER, found, make_account, open_store};
use crate::Result;
use crate::forget::{Control, Fault};
use crate::letter::Letter;

/// All of them.
pub const OPERATIONS: [&str; 27] = [
    "save",
    "send",
    "save-large",
    "stream",
    "edit",
    "mark",
    "move",
    "copy",
    "delete",
    "hard-delete",
    "import",
    "import-group",
    "import-tree",
    "make-folder",
    "move-folder",
    "copy-folder",
    "delete-folder",
    "collect",
    "add-account",
    "remove-account",
    "backup",
    "backup-new",
    "restore",
    "new",
    "open",
    "migrate",
    "close",
];

const OTHER: &str = "other@example.test";
const BUDGET: u64 = 4 << 20;
/// A folder with letters, one without, and one to be deleted.
const FOLDERS: [&str; 3] = ["desk1", "desk2", "drawer1"];

/// Makes a store with some of everything: what the operations begin with.
pub fn prepare(data: &Path) -> Result {
    let store = open_store(data, BUDGET)?;
    make_account(&store, None)?;
    add_other(&store)?;
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let mailbox = session.open_default_msg_store()?;
    let inbox = mailbox.inbox()?;
    (1..9).try_for_each(|number| Letter::new(number).save(&inbox).map(drop))?;
    let subtree = mailbox.ipm_subtree()?;
    for (name, first) in FOLDERS.into_iter().zip([10, 0, 20]) {
        let folder = subtree.create_folder(name)?;
        let numbers = first..if first == 0 { 0 } else { first + 5 };
        { numbers }.try_for_each(|number| Letter::new(number).save(&folder).map(drop))?;
    }
    backup::run(&store, &repository(data, REPOSITORY)?, &mut |_| true)?;
    // Something for the next backup.
    (30..33).try_for_each(|number| Letter::new(number).save(&inbox).map(drop))?;
    // Something for the collector: a large value that nothing refers to any more.
    let large = large_letter(1000).save(&inbox)?;
    inbox.hard_delete_messages(&[large])?;
    store.collect_blobs(Duration::ZERO)?;
    session.logoff()?;
    store.close()?;
    Ok(())
}

fn add_other(store: &Store) -> Result {
    store.create_account(&NewAccount {
        address: OTHER.into(),
        display_name: "Other".into(),
        password: None,
    })?;
    let account = store.account_by_address(OTHER)?.ok_or("no account")?;
    let mailbox = store.mailbox(account.mailbox)?;
    let messages = (500..520).map(|number| {
        (SpecialFolder::Inbox.id(), Letter::new(number).content(), ImportOptions::default())
    });
    for result in store::message::import_all(&mailbox, messages.collect())? {
        result?;
    }
    Ok(())
}

/// The next letter with an attachment of several chunks.
fn large_letter(from: u64) -> Letter {
    let large = |letter: &Letter| letter.attached.len() > 70_000;
    (from..).map(Letter::new).find(large).unwrap_or_else(|| Letter::new(from))
}

/// Does one operation on the store in `data`, with a fault; then, without it, what has to work after that.
/// Says all that as a [`Story`](super::model::Story).
pub fn run(
    operation: &str,
    data: &Path,
    control: &'static Control,
    fault: Fault,
    at: u64,
) -> Result {
    let arm = move || control.arm(fault, at);
    if let "new" | "open" | "migrate" = operation {
        say(&format!("0 try {operation} \n"))?;
        arm();
        let opened = open_store(data, BUDGET).and_then(|store| {
            make_account(&store, None)?;
            Ok(store)
        });
        control.disarm();
        answer(&opened)?;
        drop(opened);
        let store = open_store(data, BUDGET)?;
        make_account(&store, None)?;
        go_on(&store)?;
        return Ok(store.close()?);
    }
    let store = open_store(data, BUDGET)?;
    let local = Local::new(&store)?;
    let before = found::read_all(&store)?;
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let mailbox = session.open_default_msg_store()?;
    let next = Arc::new(AtomicU64::new(100));
    let mut worker = Worker::new(0, at, mailbox, Some(local.clone()), next)?;
    worker.adopt(&before)?;
    worker.before = Some(Box::new(arm));
    let done = operate(operation, data, &local, &before, &mut worker);
    control.disarm();
    if let Err(error) = &done {
        say(&format!("0 fail {error}\n"))?;
    }
    if operation == "close" {
        drop((worker, session, local));
        drop(store);
        let store = open_store(data, BUDGET)?;
        go_on(&store)?;
        return Ok(store.close()?);
    }
    go_on(&store)?;
    drop(worker);
    session.logoff()?;
    drop(local);
    Ok(store.close()?)
}

fn answer<T>(result: &Result<T>) -> Result {
    match result {
        Ok(_) => say("0 ack\n"),
        Err(error) => say(&format!("0 fail {error}\n")),
    }
}

/// The store takes letters again, as soon as it has opened its files again.
fn go_on(store: &Store) -> Result {
    let import = |number: u64| -> Result {
        let account = store.account_by_address(USER)?.ok_or("no account")?;
        let mailbox = store.mailbox(account.mailbox)?;
        let content = Letter::new(number).content();
        let inbox = SpecialFolder::Inbox.id();
        store::message::import(&mailbox, inbox, content, &ImportOptions::default())?;
        Ok(())
    };
    let mut last = Ok(());
    for number in 200..400 {
        let put = Effect::Put((number, found::INBOX.into()), UNREAD);
        say(&super::model::intention(1, "go-on", &[vec![put]]))?;
        last = import(number);
        match &last {
            Ok(()) => return say("1 ack\n"),
            Err(error) => say(&format!("1 fail {error}\n"))?,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    last
}

const UNREAD: State = State { version: 0, read: false };

fn operate(
    operation: &str,
    data: &Path,
    local: &Local,
    before: &Model,
    worker: &mut Worker,
) -> Result {
    let subtree = worker.mailbox.ipm_subtree()?;
    let put = |number: u64, folder: &str| Effect::Put((number, folder.to_owned()), UNREAD);
    let of_folder = |folder: &str| -> Vec<(u64, State)> {
        let letters = before.letters.iter().filter(|((_, f), _)| f == folder);
        letters.map(|((number, _), state)| (*number, *state)).collect()
    };
    match operation {
        "save" => worker.save(),
        "send" => worker.send(),
        "save-large" => {
            let letter = large_letter(100);
            let state = State { version: 0, read: true };
            let effect = Effect::Put((letter.number, "desk1".into()), state);
            worker.change(operation, vec![vec![effect]], |worker| {
                let folder = worker.folder("desk1")?;
                letter.save(&folder).map(drop)
            })
        }
        "stream" => {
            let letter = large_letter(100);
            let state = State { version: 0, read: true };
            let effect = Effect::Put((letter.number, "desk1".into()), state);
            worker.change(operation, vec![vec![effect]], |worker| {
                let folder = worker.folder("desk1")?;
                letter.save_streaming(&folder)
            })
        }
        "edit" => worker.edit(),
        "mark" => worker.mark(),
        "move" => worker.transfer_between("desk1", "desk2", false),
        "copy" => worker.transfer_between("desk1", "desk2", true),
        "delete" => worker.delete(false),
        "hard-delete" => worker.delete(true),
        "import" => worker.change(operation, vec![vec![put(100, "Inbox")]], |_| {
            let content = Letter::new(100).content();
            let inbox = SpecialFolder::Inbox.id();
            let options = ImportOptions::default();
            store::message::import(&local.mailbox, inbox, content, &options)?;
            Ok(())
        }),
        "import-group" => worker.import(),
        // As of an archive file: folders, and letters in them.
        "import-tree" => {
            let names = ["desk8", "desk9"];
            let numbers = |index: u64| 600 + index * 10..604 + index * 10;
            let mut groups: Vec<Group> = Vec::new();
            for (index, name) in (0..).zip(names) {
                groups.push(vec![Effect::Folder(name.to_owned())]);
                groups.extend(numbers(index).map(|number| vec![put(number, name)]));
            }
            worker.change(operation, groups, |_| {
                for (index, name) in (0..).zip(names) {
                    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
                    let parent = SpecialFolder::IpmSubtree.id();
                    let folder = store::folder::create(&local.mailbox, parent, &new)?.id;
                    let letters = numbers(index).map(|number| {
                        (folder, Letter::new(number).content(), ImportOptions::default())
                    });
                    for result in store::message::import_all(&local.mailbox, letters.collect())? {
                        result?;
                    }
                }
                Ok(())
            })
        }
        "make-folder" => worker.make_folder("desk3".into()),
        "move-folder" => {
            let mut group = vec![Effect::NoFolder("desk1".into()), Effect::Folder("desk4".into())];
            for (number, state) in of_folder("desk1") {
                group.push(Effect::Gone((number, "desk1".into())));
                group.push(Effect::Put((number, "desk4".into()), state));
            }
            worker.change(operation, vec![group], |worker| {
                let id = worker.folder("desk1")?.id();
                Ok(subtree.move_folder(id, &subtree, "desk4")?)
            })
        }
        "copy-folder" => {
            let mut groups = vec![vec![Effect::Folder("desk5".into())]];
            for (number, state) in of_folder("desk1") {
                groups.push(vec![Effect::Put((number, "desk5".into()), state)]);
            }
            worker.change(operation, groups, |worker| {
                let id = worker.folder("desk1")?.id();
                Ok(subtree.copy_folder(id, &subtree, "desk5", true)?)
            })
        }
        "delete-folder" => worker.delete_folder(),
        "collect" => worker.change(operation, vec![Vec::new()], |_| {
            local.store.collect_blobs(Duration::ZERO)?;
            Ok(())
        }),
        "add-account" => {
            let address = "new@example.test";
            let effect = Effect::Folder(found::account_name(address));
            worker.change(operation, vec![vec![effect]], |_| {
                local.store.create_account(&NewAccount {
                    address: address.into(),
                    display_name: "New".into(),
                    password: None,
                })?;
                Ok(())
            })
        }
        "remove-account" => {
            let effect = Effect::NoFolder(found::account_name(OTHER));
            worker.change(operation, vec![vec![effect]], |_| {
                let account = local.store.account_by_address(OTHER)?.ok_or("no account")?;
                Ok(local.store.remove_account(account.id)?)
            })
        }
        "backup" | "backup-new" => worker.change(operation, vec![Vec::new()], |_| {
            let name = if operation == "backup" { REPOSITORY } else { NEW_REPOSITORY };
            let repository = repository(data, name)?;
            backup::run(&local.store, &repository, &mut |_| true)?;
            Ok(())
        }),
        "restore" => worker.change(operation, vec![Vec::new()], |_| {
            restore(data, &repository(data, REPOSITORY)?, RESTORED)
        }),
        "close" => worker.change(operation, vec![Vec::new()], |_| Ok(local.store.close()?)),
        other => Err(format!("no operation {other}").into()),
    }
}

/// A repository beside a data directory.
fn repository(data: &Path, name: &str) -> Result<Repository> {
    Ok(Repository::create(&data.with_file_name(name))?)
}

const REPOSITORY: &str = "repository";
const NEW_REPOSITORY: &str = "new-repository";
const RESTORED: &str = "restored";

/// What a fault left of backups and what was restored: the snapshots that are there are whole, and the next
/// ones work.
pub fn look_beside(store: &Store, data: &Path, acknowledged: impl Fn(&str) -> bool) -> Result {
    for (name, operation) in [(REPOSITORY, "backup"), (NEW_REPOSITORY, "backup-new")] {
        if !data.with_file_name(name).exists() && !acknowledged(operation) {
            continue;
        }
        let repository = repository(data, name)?;
        let least = u64::from(name == REPOSITORY) + u64::from(acknowledged(operation));
        let snapshots = repository.snapshots()?.len() as u64;
        if snapshots < least {
            return Err(format!("{snapshots} snapshots of {least} are left in {name}").into());
        }
        let verified = backup::verify(&repository, false, &mut |_| true)?;
        if !verified.is_clean() {
            return Err(format!("the backup in {name} is damaged: {:#?}", verified.faults).into());
        }
        if acknowledged(operation) || name == NEW_REPOSITORY {
            backup::run(store, &repository, &mut |_| true)?;
            restore(data, &repository, "restored-again")?;
        }
    }
    let restored = data.with_file_name(RESTORED);
    match restored.exists() {
        true => {
            let store = open_store(&restored, BUDGET)?;
            super::check(&store)?;
            found::read_all(&store)?;
            Ok(store.close()?)
        }
        false if acknowledged("restore") => Err("what was restored is gone".into()),
        false => Ok(()),
    }
}

fn restore(data: &Path, repository: &Repository, name: &str) -> Result {
    let to = data.with_file_name(name);
    let whole = || Ok(backup::whole(repository, &to, &WholeOptions::default(), &mut |_| true)?);
    let restored = super::unlocked(whole)?;
    match restored.is_whole() {
        true => Ok(()),
        false => Err(format!("restored by half: {:?}", restored.problems).into()),
    }
}
