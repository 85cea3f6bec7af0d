//! Accounts and grants.

use anyhow::{Context, bail};
use serde_json::json;
use store::mailbox::special::SpecialFolder;
use store::quota::{Level, Usage};
use store::{Account, Grants, NewAccount, Store, StoreError, folder, quota, retention};

use crate::cli::{AliasCommand, GrantArgs, QuotaArgs, RetentionArgs};
use crate::control::Output;
use crate::password::Secret;
use crate::public;
use crate::size;

/// The account of an address, or an error that says what to do.
pub fn find(store: &Store, address: &str) -> anyhow::Result<Account> {
    let Some(account) = store.account_by_address(address)? else {
        bail!("there is no account {address}; `coffer user list` shows those that there are");
    };
    if address.eq_ignore_ascii_case(store::directory::public::ADDRESS) {
        bail!("{address} is no account of a user; see `coffer public --help`");
    }
    Ok(account)
}

/// The account of a mailbox that a command looks into; "public" is the store of public folders.
pub fn owner(store: &Store, address: &str) -> anyhow::Result<Account> {
    let public = store::directory::public::ADDRESS;
    match public::address_of(address).eq_ignore_ascii_case(public) {
        true => public::account(store),
        false => find(store, address),
    }
}

pub fn add(
    store: &Store,
    address: &str,
    display_name: Option<String>,
    password: &Secret,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let account = make(store, address, display_name, password)?;
    out.line(format!("added {} ({})", account.address, account.display_name))?;
    Ok(())
}

/// Makes an account; the display name is the part before the @ unless one is given.
pub fn make(
    store: &Store,
    address: &str,
    display_name: Option<String>,
    password: &Secret,
) -> anyhow::Result<Account> {
    let local = address.split('@').next().unwrap_or(address);
    let new = NewAccount {
        address: address.to_owned(),
        display_name: display_name.unwrap_or_else(|| local.to_owned()),
        password: Some(password.0.clone()),
    };
    match store.create_account(&new) {
        Ok(account) => Ok(account),
        Err(StoreError::Exists("address")) => {
            let owner = store.account_by_any_address(address)?;
            let owner = owner.map(|owner| owner.address).unwrap_or_default();
            bail!(
                "{address} is a further address of {owner}; `coffer user alias remove {owner} \
                 {address}` takes it back"
            )
        }
        Err(StoreError::Exists(_)) => {
            bail!("{address} exists already; `coffer user passwd {address}` changes its password")
        }
        Err(error) => Err(error).with_context(|| format!("add {address}")),
    }
}

pub fn list(store: &Store, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let mut accounts = store.accounts()?;
    // That of the public folders is nobody's.
    accounts.retain(|account| account.address != store::directory::public::ADDRESS);
    if json {
        let list = accounts.iter().map(|account| describe(store, account));
        let list = list.collect::<anyhow::Result<Vec<_>>>()?;
        out.line(serde_json::to_string_pretty(&list)?)?;
        return Ok(());
    }
    if accounts.is_empty() {
        out.line("no accounts yet; `coffer user add ADDRESS` adds one")?;
    }
    for account in accounts {
        let state = if account.disabled { "  (disabled)" } else { "" };
        let rank = if store.is_administrator(account.id)? { "  (administrator)" } else { "" };
        out.line(format!("{:<40} {}{rank}{state}", account.address, account.display_name))?;
    }
    Ok(())
}

pub fn show(store: &Store, address: &str, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let account = find(store, address)?;
    let mailbox = store.mailbox(account.mailbox)?;
    let inbox = folder::info(&mailbox, SpecialFolder::Inbox.id())?;
    let with = |grant| grantees(store, &account, grant);
    let grantees = with(Grants::FULL_ACCESS)?;
    let (send_as, on_behalf) = (with(Grants::SEND_AS)?, with(Grants::SEND_ON_BEHALF)?);
    let usage = quota::usage(&mailbox)?;
    if json {
        let mut value = describe(store, &account)?;
        value["aliases"] = json!(store.aliases(account.id)?);
        value["full_access"] = json!(grantees);
        value["send_as"] = json!(send_as);
        value["send_on_behalf"] = json!(on_behalf);
        value["inbox"] = json!({ "messages": inbox.contents, "unread": inbox.unread });
        value["quota"] = describe_usage(&usage);
        value["retention_days"] = json!(retention::days(&mailbox));
        out.line(serde_json::to_string_pretty(&value)?)?;
        return Ok(());
    }
    out.line(format!("address      {}", account.address))?;
    for alias in store.aliases(account.id)? {
        out.line(format!("alias        {alias}"))?;
    }
    out.line(format!("name         {}", account.display_name))?;
    out.line(format!("legacy DN    {}", account.legacy_dn))?;
    out.line(format!("mailbox      {}", account.mailbox_guid))?;
    out.line(format!("disabled     {}", if account.disabled { "yes" } else { "no" }))?;
    if store.is_administrator(account.id)? {
        out.line("rank         administrator")?;
    }
    out.line(format!("Inbox        {} messages, {} unread", inbox.contents, inbox.unread))?;
    out.line(format!("holds        {}", words_of(&usage)))?;
    let days = retention::days(&mailbox);
    out.line(format!("deleted      {}, kept for {days} days", size::show(usage.deleted)))?;
    for grantee in grantees {
        out.line(format!("full access  {grantee}"))?;
    }
    for grantee in send_as {
        out.line(format!("send as      {grantee}"))?;
    }
    for grantee in on_behalf {
        out.line(format!("on behalf    {grantee}"))?;
    }
    Ok(())
}

/// What a mailbox holds, and what follows from it.
fn words_of(usage: &Usage) -> String {
    let state = match usage.level() {
        Level::Below => "",
        Level::Warned => " (beyond the warning)",
        Level::NoSending => " (may not send)",
        Level::NoReceiving => " (full: only deleting works)",
    };
    format!("{}{state}", size::show(usage.used))
}

fn describe_usage(usage: &Usage) -> serde_json::Value {
    json!({
        "used": usage.used,
        "deleted": usage.deleted,
        "warn": usage.quota.warn,
        "prohibit_send": usage.quota.prohibit_send,
        "prohibit_receive": usage.quota.prohibit_receive,
        "own": usage.own,
        "level": match usage.level() {
            Level::Below => "below",
            Level::Warned => "warned",
            Level::NoSending => "no-sending",
            Level::NoReceiving => "no-receiving",
        },
    })
}

pub fn quota(store: &Store, args: &QuotaArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let account = owner(store, &args.address)?;
    let mailbox = store.mailbox(account.mailbox)?;
    let given = [args.warn, args.prohibit_send, args.prohibit_receive];
    if args.default {
        quota::set(&mailbox, None)?;
    } else if given.iter().any(Option::is_some) {
        // What is not named stays.
        let mut quota = quota::usage(&mailbox)?.quota;
        let limits = [&mut quota.warn, &mut quota.prohibit_send, &mut quota.prohibit_receive];
        for (limit, given) in limits.into_iter().zip(given) {
            if let Some(given) = given {
                *limit = given.0;
            }
        }
        quota::set(&mailbox, Some(quota))?;
    }
    let usage = quota::usage(&mailbox)?;
    if args.json {
        out.line(serde_json::to_string_pretty(&describe_usage(&usage))?)?;
        return Ok(());
    }
    let whose = if usage.own { "set for this mailbox" } else { "the server's default" };
    out.line(format!("holds             {}", words_of(&usage)))?;
    out.line(format!("deleted           {}", size::show(usage.deleted)))?;
    out.line(format!("warning           {}", size::show_limit(usage.quota.warn)))?;
    out.line(format!("prohibit send     {}", size::show_limit(usage.quota.prohibit_send)))?;
    out.line(format!("prohibit receive  {}", size::show_limit(usage.quota.prohibit_receive)))?;
    out.line(format!("quota             {whose}"))?;
    Ok(())
}

pub fn set_password(
    store: &Store,
    address: &str,
    password: &Secret,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let account = find(store, address)?;
    store.set_password(account.id, &password.0)?;
    out.line(format!("changed the password of {}", account.address))?;
    Ok(())
}

pub fn set_disabled(
    store: &Store,
    address: &str,
    disabled: bool,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let account = find(store, address)?;
    store.set_disabled(account.id, disabled)?;
    let done = if disabled { "disabled" } else { "enabled" };
    out.line(format!("{done} {}", account.address))?;
    Ok(())
}

pub fn set_administrator(
    store: &Store,
    address: &str,
    administrator: bool,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let account = find(store, address)?;
    store.set_administrator(account.id, administrator)?;
    let is = if administrator { "an administrator" } else { "no administrator" };
    out.line(format!("{} is {is}, from the next logon on", account.address))?;
    Ok(())
}

pub fn remove(store: &Store, address: &str, out: &mut dyn Output) -> anyhow::Result<()> {
    let account = find(store, address)?;
    store.remove_account(account.id)?;
    out.line(format!("removed {} and its mailbox", account.address))?;
    Ok(())
}

pub fn grant(store: &Store, args: &GrantArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let (owner, user) = (find(store, &args.owner)?, find(store, &args.user)?);
    if owner.id == user.id {
        bail!("{} has full access to its own mailbox already", owner.address);
    }
    let grants = grants_of(args);
    store.grant(owner.id, user.id, grants)?;
    for what in words_of_grants(grants) {
        out.line(format!("{} may {what} {}", user.address, owner.address))?;
    }
    Ok(())
}

fn grants_of(args: &GrantArgs) -> Grants {
    let asked = [
        (args.full_access, Grants::FULL_ACCESS),
        (args.send_as, Grants::SEND_AS),
        (args.send_on_behalf, Grants::SEND_ON_BEHALF),
    ];
    Grants(asked.iter().filter(|(asked, _)| *asked).fold(0, |all, (_, grant)| all | grant.0))
}

fn words_of_grants(grants: Grants) -> impl Iterator<Item = &'static str> {
    let words = [
        (Grants::FULL_ACCESS, "open the mailbox of"),
        (Grants::SEND_AS, "send as"),
        (Grants::SEND_ON_BEHALF, "send on behalf of"),
    ];
    words.into_iter().filter(move |(grant, _)| grants.contains(*grant)).map(|(_, words)| words)
}

pub fn revoke(store: &Store, args: &GrantArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let (owner, user) = (find(store, &args.owner)?, find(store, &args.user)?);
    let grants = grants_of(args);
    store.revoke(owner.id, user.id, grants)?;
    for what in words_of_grants(grants) {
        out.line(format!("{} may not {what} {}", user.address, owner.address))?;
    }
    Ok(())
}

pub fn retention(store: &Store, args: &RetentionArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let account = owner(store, &args.address)?;
    let mailbox = store.mailbox(account.mailbox)?;
    if args.default || args.days.is_some() {
        retention::set_days(&mailbox, args.days)?;
    }
    let whose = match retention::own_days(&mailbox) {
        Some(_) => "set for this mailbox",
        None => "the server's default",
    };
    let days = retention::days(&mailbox);
    out.line(format!("{} keeps what was deleted for {days} days ({whose})", account.address))?;
    Ok(())
}

pub fn alias(store: &Store, command: &AliasCommand, out: &mut dyn Output) -> anyhow::Result<()> {
    match command {
        AliasCommand::Add { address, alias } => {
            let account = find(store, address)?;
            match store.add_alias(account.id, alias) {
                Ok(()) => {
                    out.line(format!("{} gets what is addressed to {alias}", account.address))?
                }
                Err(StoreError::Exists(_)) => {
                    let owner = store.account_by_any_address(alias)?;
                    let owner = owner.map(|owner| owner.address).unwrap_or_default();
                    bail!("{alias} is an address of {owner} already")
                }
                Err(error) => return Err(error).with_context(|| format!("add {alias}")),
            }
        }
        AliasCommand::Remove { address, alias } => {
            let account = find(store, address)?;
            match store.remove_alias(account.id, alias) {
                Ok(()) => {
                    out.line(format!("{alias} is no address of {} any more", account.address))?
                }
                Err(StoreError::NotFound(_)) => bail!(
                    "{alias} is no further address of {0}; `coffer user alias list {0}` shows those \
                     that there are",
                    account.address
                ),
                Err(error) => return Err(error).with_context(|| format!("remove {alias}")),
            }
        }
        AliasCommand::List { address, json } => {
            let accounts = match address {
                Some(address) => vec![find(store, address)?],
                None => store.accounts()?,
            };
            let mut all = Vec::new();
            for account in accounts {
                let aliases = store.aliases(account.id)?;
                all.extend(aliases.into_iter().map(|alias| (account.address.clone(), alias)));
            }
            if *json {
                let list: Vec<_> = all
                    .iter()
                    .map(|(address, alias)| json!({ "address": address, "alias": alias }))
                    .collect();
                out.line(serde_json::to_string_pretty(&list)?)?;
                return Ok(());
            }
            if all.is_empty() {
                out.line("no further addresses; `coffer user alias add ADDRESS ALIAS` adds one")?;
            }
            for (address, alias) in all {
                out.line(format!("{alias:<40} {address}"))?;
            }
        }
    }
    Ok(())
}

fn grantees(store: &Store, account: &Account, grant: Grants) -> anyhow::Result<Vec<String>> {
    let all = store.all_grants(account.mailbox)?.into_iter();
    let ids = all.filter(|(_, held)| held.contains(grant)).map(|(id, _)| id);
    Ok(ids.filter_map(|id| Some(store.account(id).ok()?.address)).collect())
}

fn describe(store: &Store, account: &Account) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "address": account.address,
        "display_name": account.display_name,
        "legacy_dn": account.legacy_dn,
        "mailbox_guid": account.mailbox_guid.to_string(),
        "disabled": account.disabled,
        "administrator": store.is_administrator(account.id)?,
    }))
}
