//! `coffer why`: whether a user may do something in a folder, and why. The answer is that of the function that
//! every ROP asks.

use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;
use store::permission::{self, Action, Because, Item, Member, Rights, User, Verdict};
use store::{Account, Store};

use crate::cli::{WhyAction, WhyArgs};
use crate::control::Output;

pub fn run(store: &Store, args: &WhyArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let user = crate::account::find(store, &args.user)?;
    let owner = crate::account::owner(store, &args.mailbox)?;
    let mailbox = store.mailbox(owner.mailbox)?;
    let folder = crate::recover::find_folder(&mailbox, &args.folder)?;
    let name = store::folder::info(&mailbox, folder)
        .with_context(|| format!("look at {} of {}", args.folder, args.mailbox))?
        .display_name;
    let standing = store.user_of(owner.mailbox, &user)?;
    let asked = match &args.action {
        Some(action) => std::slice::from_ref(action),
        None => WhyAction::value_variants(),
    };
    let mut allowed = true;
    for action in asked {
        let verdict = permission::may(&mailbox, standing, folder, action_of(*action))?;
        allowed &= verdict.allowed;
        let because = because(&verdict, &user, &owner, standing);
        let word = word(*action);
        out.line(match args.json {
            true => json!({
                "user": user.address,
                "mailbox": owner.address,
                "folder": name,
                "action": word,
                "allowed": verdict.allowed,
                "needs": verdict.needs.0,
                "because": because,
            })
            .to_string(),
            false => {
                format!("{word:16} {:3} {because}", if verdict.allowed { "yes" } else { "no" })
            }
        })?;
    }
    // Without an action it is a list and no question.
    Ok(u8::from(args.action.is_some() && !allowed))
}

fn word(action: WhyAction) -> String {
    action.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn action_of(action: WhyAction) -> Action {
    let item = |own| Item { own, associated: false };
    match action {
        WhyAction::See => Action::SeeFolder,
        WhyAction::ReadOwn => Action::ReadItem(item(true)),
        WhyAction::ReadAny => Action::ReadItem(item(false)),
        WhyAction::Create => Action::CreateItem { associated: false },
        WhyAction::EditOwn => Action::EditItem(item(true)),
        WhyAction::EditAny => Action::EditItem(item(false)),
        WhyAction::DeleteOwn => Action::DeleteItem(item(true)),
        WhyAction::DeleteAny => Action::DeleteItem(item(false)),
        WhyAction::CreateSubfolder => Action::CreateSubfolder,
        WhyAction::ChangeFolder => Action::ChangeFolder,
        WhyAction::FreeBusy => Action::FreeBusy,
        WhyAction::FreeBusyDetails => Action::FreeBusyDetails,
        WhyAction::WholeMailbox => Action::WholeMailbox,
    }
}

fn because(verdict: &Verdict, user: &Account, owner: &Account, standing: User) -> String {
    debug_assert!(standing.is_full() || user.id != owner.id);
    let has = |rights: Rights| match verdict.allowed {
        true => format!("grants {rights}"),
        false => format!("grants {rights}, and {} is needed", one_of(verdict.needs)),
    };
    match verdict.because {
        Because::Owner => "the mailbox is his own".into(),
        Because::FullAccess => {
            format!("he has full access to the mailbox (`coffer mailbox grant {}`)", owner.address)
        }
        Because::Entry { member: Member::Account(_), rights } => {
            format!("his entry in the folder's permissions {}", has(rights))
        }
        Because::Entry { rights, .. } => {
            format!("the entry for everybody in the folder's permissions {}", has(rights))
        }
        Because::NoList { rights } => {
            format!("nobody changed the folder's permissions, so it {}", has(rights))
        }
        Because::NotOfFolders => {
            format!(
                "no folder grants it; `coffer mailbox grant {} {} --full-access` does",
                owner.address, user.address
            )
        }
    }
}

fn one_of(rights: Rights) -> String {
    rights.to_string().replace(", ", " or ")
}
