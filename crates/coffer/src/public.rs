//! `coffer public`: the organisation's public folders, for administrators.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::folder::{self, DeleteOptions, FolderInfo, NewFolder};
use store::permission::{self, Change, Member, Mode, Rights};
use store::{Account, Mailbox, PublicFolder, Store, StoreError};

use crate::account;
use crate::control::Output;
use crate::show::parse_id;

/// How commands that look into a mailbox name the store of public folders.
pub const NAME: &str = "public";

#[derive(Debug, Clone, Subcommand, Serialize, Deserialize)]
pub enum PublicCommand {
    /// List the public folders.
    List {
        /// Only this folder and those below it, by its path, such as "News/2026", or its id.
        folder: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Make a public folder.
    Create(CreateArgs),
    /// Delete a public folder. It can be brought back with `coffer recover --mailbox public` for a time.
    Delete(DeleteArgs),
    /// Show who may do what in a public folder.
    Rights {
        /// The folder's path or id; "/" is the folder that holds all others.
        folder: String,
        #[arg(long)]
        json: bool,
    },
    /// Say what a user may do in a public folder, instead of what he was allowed before.
    Grant(GrantArgs),
    /// Take a user's entry out of a public folder's permissions: what everybody may do holds for him then.
    Revoke(RevokeArgs),
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct CreateArgs {
    /// The new folder's path, such as "News/2026".
    pub folder: String,
    /// Make the folders above it too, and be content if it is there already.
    #[arg(long)]
    pub parents: bool,
    /// What it is for: its container class, such as IPF.Appointment; that of the folder above if not given.
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// A description that clients show.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DeleteArgs {
    /// The folder's path or id.
    pub folder: String,
    /// Also if there are messages or folders in it.
    #[arg(long)]
    pub recursive: bool,
    /// For good, so that nobody brings it back.
    #[arg(long)]
    pub hard: bool,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct GrantArgs {
    /// The folder's path or id; "/" is the folder that holds all others.
    pub folder: String,
    /// An account's address, or "everybody" for all who have no entry of their own, or "anonymous".
    pub user: String,
    /// A role (owner, publishing-editor, editor, publishing-author, author, non-editing-author, reviewer,
    /// contributor, none), or rights with commas between them (read-any, create, edit-owned, delete-owned,
    /// edit-any, delete-any, create-subfolders, folder-owner, folder-contact, folder-visible).
    #[arg(value_name = "ROLE|RIGHTS")]
    pub rights: String,
    /// In all folders below it too.
    #[arg(long)]
    pub recursive: bool,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RevokeArgs {
    /// The folder's path or id.
    pub folder: String,
    /// An account's address, "everybody" or "anonymous"; the last two keep their entry, which grants nothing.
    pub user: String,
    /// In all folders below it too.
    #[arg(long)]
    pub recursive: bool,
    #[arg(long)]
    pub json: bool,
}

pub fn run(store: &Store, command: &PublicCommand, out: &mut dyn Output) -> anyhow::Result<()> {
    match command {
        PublicCommand::List { folder, json } => list(store, folder.as_deref(), *json, out),
        PublicCommand::Create(args) => create(store, args, out),
        PublicCommand::Delete(args) => delete(store, args, out),
        PublicCommand::Rights { folder, json } => rights(store, folder, *json, out),
        PublicCommand::Grant(args) => {
            let rights = parse_rights(&args.rights)?;
            let change = |member| Change::Add(member, rights);
            let told = (&args.user[..], args.json);
            change_rights(store, &args.folder, told, args.recursive, change, out)
        }
        PublicCommand::Revoke(args) => {
            let told = (&args.user[..], args.json);
            change_rights(store, &args.folder, told, args.recursive, Change::Remove, out)
        }
    }
}

/// The address of the mailbox that a command looks into.
pub fn address_of(name: &str) -> &str {
    match name.eq_ignore_ascii_case(NAME) {
        true => store::directory::public::ADDRESS,
        false => name,
    }
}

/// The account behind the public folders, or an error that says what to do.
pub fn account(store: &Store) -> anyhow::Result<Account> {
    store.public_folders()?.context(
        "there are no public folders yet; `coffer public create FOLDER` makes the first one",
    )
}

fn open(store: &Store) -> anyhow::Result<std::sync::Arc<Mailbox>> {
    Ok(store.mailbox(account(store)?.mailbox)?)
}

/// A folder below that which holds all others, by its path or its id.
fn find(mailbox: &Mailbox, path: &str) -> anyhow::Result<FolderInfo> {
    let id = match parse_id(path) {
        Some(id) => mapi::FolderId::from_i64(id),
        None => {
            let mut at = PublicFolder::IpmSubtree.id();
            for name in names(path) {
                at = folder::child_by_name(mailbox, at, name)?.with_context(|| {
                    format!("there is no public folder {path}; `coffer public list` shows them")
                })?;
            }
            at
        }
    };
    let found = folder::info(mailbox, id);
    found.with_context(|| format!("look at the public folder {path}"))
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// The path by which [`find`] finds a folder; None for one that is not below the folder that holds all others.
fn path_of(mailbox: &Mailbox, folder: &FolderInfo) -> anyhow::Result<Option<String>> {
    let mut names = Vec::new();
    let mut at = folder.clone();
    while at.id != PublicFolder::IpmSubtree.id() {
        if at.parent == at.id {
            return Ok(None);
        }
        let above = folder::info(mailbox, at.parent)?;
        names.push(std::mem::replace(&mut at, above).display_name);
    }
    names.reverse();
    Ok(Some(format!("/{}", names.join("/"))))
}

/// What a folder is called in answers.
fn title(mailbox: &Mailbox, folder: &FolderInfo) -> anyhow::Result<String> {
    Ok(path_of(mailbox, folder)?.unwrap_or_else(|| folder.id.to_string()))
}

/// A folder and all below it, parents first.
fn tree(mailbox: &Mailbox, top: FolderInfo) -> anyhow::Result<Vec<FolderInfo>> {
    let mut found = Vec::new();
    let mut pending = vec![top];
    while let Some(folder) = pending.pop() {
        pending.extend(folder::children(mailbox, folder.id)?.into_iter().rev());
        found.push(folder);
    }
    Ok(found)
}

fn list(store: &Store, path: Option<&str>, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let mailbox = open(store)?;
    let folders = tree(&mailbox, find(&mailbox, path.unwrap_or("/"))?)?;
    if json {
        let rows = folders.iter().map(|folder| describe(&mailbox, folder));
        let rows = rows.collect::<anyhow::Result<Vec<Value>>>()?;
        out.line(serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    out.line(format!(
        "{:<12} {:>8} {:>12}  {:<40} {}",
        "id", "messages", "bytes", "folder", "class"
    ))?;
    for folder in &folders {
        out.line(format!(
            "{:<12} {:>8} {:>12}  {:<40} {}",
            folder.id.to_string(),
            folder.contents,
            folder.size,
            title(&mailbox, folder)?,
            class_of(&mailbox, folder)?.unwrap_or_default(),
        ))?;
    }
    Ok(())
}

fn class_of(mailbox: &Mailbox, folder: &FolderInfo) -> anyhow::Result<Option<String>> {
    let values = folder::get(mailbox, folder.id, &[mapi::tags::CONTAINER_CLASS])?;
    let value = values.into_iter().next().flatten();
    let text = value.as_ref().and_then(|value| value.inline()).and_then(|value| value.as_text());
    Ok(text.map(|text| text.to_string_lossy().into_owned()))
}

fn describe(mailbox: &Mailbox, folder: &FolderInfo) -> anyhow::Result<Value> {
    Ok(json!({
        "id": folder.id.to_string(),
        "path": path_of(mailbox, folder)?,
        "name": folder.display_name,
        "class": class_of(mailbox, folder)?,
        "messages": folder.contents,
        "associated": folder.associated,
        "folders": folder.children,
        "bytes": folder.size,
    }))
}

fn create(store: &Store, args: &CreateArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let names: Vec<&str> = names(&args.folder).collect();
    let Some((name, above)) = names.split_last() else { bail!("a new folder needs a name") };
    // What cannot succeed does not make the store of public folders on the way.
    if !above.is_empty() && !args.parents {
        account(store)?;
    }
    let mailbox = store.mailbox(store.make_public_folders()?.mailbox)?;
    let mut at = PublicFolder::IpmSubtree.id();
    for name in above {
        at = match folder::child_by_name(&mailbox, at, name)? {
            Some(id) => id,
            None if args.parents => make(
                &mailbox,
                at,
                &NewFolder {
                    display_name: (*name).to_owned(),
                    open_existing: true,
                    ..NewFolder::default()
                },
            )?,
            None => bail!("there is no public folder {name} for it; say --parents to make it too"),
        };
    }
    let new = NewFolder {
        display_name: (*name).to_owned(),
        comment: args.comment.clone().unwrap_or_default(),
        container_class: args.class.clone(),
        open_existing: args.parents,
        ..NewFolder::default()
    };
    let id = match folder::create(&mailbox, at, &new) {
        Ok(created) => created.id,
        Err(StoreError::DuplicateName) => {
            bail!("the public folder {} exists already", args.folder)
        }
        Err(error) => return Err(error).with_context(|| format!("make {}", args.folder)),
    };
    let made = folder::info(&mailbox, id)?;
    match args.json {
        true => out.line(serde_json::to_string_pretty(&describe(&mailbox, &made)?)?)?,
        false => out.line(format!("made {} ({id})", title(&mailbox, &made)?))?,
    }
    Ok(())
}

fn make(
    mailbox: &Mailbox,
    parent: mapi::FolderId,
    new: &NewFolder,
) -> anyhow::Result<mapi::FolderId> {
    let made = folder::create(mailbox, parent, new);
    Ok(made.with_context(|| format!("make {}", new.display_name))?.id)
}

fn delete(store: &Store, args: &DeleteArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let mailbox = open(store)?;
    let folder = find(&mailbox, &args.folder)?;
    let title = title(&mailbox, &folder)?;
    let options = DeleteOptions {
        messages: args.recursive,
        folders: args.recursive,
        hard: args.hard,
        associated: args.recursive,
    };
    match folder::delete(&mailbox, folder.id, options) {
        Ok(()) => {}
        Err(StoreError::NotEmpty) => {
            bail!("{title} is not empty; --recursive deletes it with all that is in it")
        }
        Err(StoreError::Access) => bail!("{title} belongs to every store of public folders"),
        Err(error) => return Err(error).with_context(|| format!("delete {title}")),
    }
    match args.json {
        true => {
            let done = json!({
                "id": folder.id.to_string(),
                "path": title,
                "messages": folder.contents,
                "folders": folder.children,
                "hard": args.hard,
            });
            out.line(serde_json::to_string_pretty(&done)?)?;
        }
        false if args.hard => out.line(format!("deleted {title} for good"))?,
        false => out.line(format!(
            "deleted {title}; `coffer recover --mailbox {NAME}` lists what can be brought back"
        ))?,
    }
    Ok(())
}

fn rights(store: &Store, path: &str, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let mailbox = open(store)?;
    let folder = find(&mailbox, path)?;
    let title = title(&mailbox, &folder)?;
    let acl = permission::list(&mailbox, folder.id)?.unwrap_or_default();
    let mut entries =
        vec![(EVERYBODY.to_owned(), acl.default), (ANONYMOUS.to_owned(), acl.anonymous)];
    for (guid, rights) in acl.accounts() {
        // An account that is gone may have left its entry.
        let account = store.account_by_mailbox_guid(guid)?;
        entries.push((account.map_or_else(|| guid.to_string(), |account| account.address), rights));
    }
    if json {
        let list: Vec<Value> = entries
            .iter()
            .map(|(user, rights)| {
                json!({
                    "user": user,
                    "role": role_of(*rights),
                    "rights": rights.0,
                    "words": rights.to_string(),
                })
            })
            .collect();
        let whole = json!({ "folder": title, "id": folder.id.to_string(), "rights": list });
        out.line(serde_json::to_string_pretty(&whole)?)?;
        return Ok(());
    }
    for (user, rights) in entries {
        out.line(format!("{user:<40} {:<18} {rights}", role_of(rights).unwrap_or("")))?;
    }
    Ok(())
}

fn change_rights(
    store: &Store,
    path: &str,
    (user, json): (&str, bool),
    recursive: bool,
    change: impl Fn(Member) -> Change,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let mailbox = open(store)?;
    let top = find(&mailbox, path)?;
    let member = match user {
        EVERYBODY => Member::Default,
        ANONYMOUS => Member::Anonymous,
        address => Member::Account(account::find(store, address)?.mailbox_guid),
    };
    let folders = if recursive { tree(&mailbox, top)? } else { vec![top] };
    let mut changed = Vec::new();
    for folder in folders {
        let title = title(&mailbox, &folder)?;
        match permission::modify(&mailbox, folder.id, Mode::default(), &[change(member)]) {
            Ok(()) => {}
            // It was deleted meanwhile.
            Err(StoreError::NotFound(_)) if recursive => continue,
            Err(error) => return Err(error).with_context(|| format!("change {title}")),
        }
        let has =
            permission::list(&mailbox, folder.id)?.and_then(|acl| acl.effective(member, false));
        changed.push((title, has));
    }
    if json {
        let list: Vec<Value> = changed
            .iter()
            .map(|(folder, has)| {
                json!({
                    "folder": folder,
                    "user": user,
                    "role": has.and_then(role_of),
                    "rights": has.map(|rights| rights.0),
                })
            })
            .collect();
        out.line(serde_json::to_string_pretty(&list)?)?;
        return Ok(());
    }
    for (folder, has) in changed {
        out.line(match has {
            Some(rights) => format!("{folder}: {user} has {rights}"),
            None => format!("{folder}: {user} has what everybody has"),
        })?;
    }
    Ok(())
}

const EVERYBODY: &str = "everybody";
const ANONYMOUS: &str = "anonymous";

/// The roles that Exchange's tools know, as sets of rights.
const ROLES: [(&str, u32); 9] = [
    ("owner", Rights::ALL.0),
    ("publishing-editor", 0x4fb),
    ("editor", 0x47b),
    ("publishing-author", 0x49b),
    ("author", 0x41b),
    ("non-editing-author", 0x413),
    ("reviewer", 0x401),
    ("contributor", 0x402),
    ("none", 0),
];

const RIGHTS: [(&str, Rights); 10] = [
    ("read-any", Rights::READ_ANY),
    ("create", Rights::CREATE),
    ("edit-owned", Rights::EDIT_OWNED),
    ("delete-owned", Rights::DELETE_OWNED),
    ("edit-any", Rights::EDIT_ANY),
    ("delete-any", Rights::DELETE_ANY),
    ("create-subfolders", Rights::CREATE_SUBFOLDER),
    ("folder-owner", Rights::FOLDER_OWNER),
    ("folder-contact", Rights::FOLDER_CONTACT),
    ("folder-visible", Rights::FOLDER_VISIBLE),
];

fn role_of(rights: Rights) -> Option<&'static str> {
    ROLES.iter().find(|(_, of_role)| *of_role == rights.0).map(|(name, _)| *name)
}

fn parse_rights(text: &str) -> anyhow::Result<Rights> {
    if let Some((_, rights)) = ROLES.iter().find(|(name, _)| *name == text) {
        return Ok(Rights(*rights));
    }
    let mut all = Rights::NONE;
    for name in text.split(',').map(str::trim) {
        let Some((_, right)) = RIGHTS.iter().find(|(known, _)| *known == name) else {
            let roles: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
            let rights: Vec<&str> = RIGHTS.iter().map(|(name, _)| *name).collect();
            bail!(
                "{name:?} is no role ({}) and no right ({})",
                roles.join(", "),
                rights.join(", ")
            );
        };
        all = all | *right;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_rights_are_read_as_they_are_named() {
        for (name, rights) in ROLES {
            let parsed = parse_rights(name).unwrap();
            assert_eq!((parsed.0, role_of(parsed)), (rights, Some(name)));
        }
        let author = "read-any, create,edit-owned,delete-owned,folder-visible";
        assert_eq!(role_of(parse_rights(author).unwrap()), Some("author"));
        assert_eq!(parse_rights("folder-contact").unwrap(), Rights::FOLDER_CONTACT);
        let wrong = parse_rights("reviewer,create").unwrap_err().to_string();
        assert!(wrong.contains("publishing-editor") && wrong.contains("edit-any"), "{wrong}");
    }
}
