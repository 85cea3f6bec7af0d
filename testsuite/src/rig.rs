//! A store with three accounts and a way to it, for tests that run over Loopback and over HTTP.

use mapi_server::Options;
use mapi_server::http::{Config, Running, Server};
use mapi_session::{Folder, Http, Loopback, MessageStoreProvider, MsgStore, Profile, Session};
use store::{NewAccount, Store, StoreOptions};

use crate::Result;
use crate::raw::Client;

pub const ME: &str = "me@example.test";
/// May open ME's mailbox.
pub const DELEGATE: &str = "delegate@example.test";
/// May open nothing but the own mailbox.
pub const STRANGER: &str = "stranger@example.test";
pub const PASSWORD: &str = "correct horse";

pub struct Rig {
    pub store: Store,
    way: Way,
}

enum Way {
    Loopback(Loopback),
    Http(Running),
}

impl Rig {
    pub fn loopback() -> Result<Rig> {
        let store = store_with_accounts(None)?;
        let service = Loopback::with_options(store.clone(), ME, options())?;
        Ok(Rig { store, way: Way::Loopback(service) })
    }

    pub fn http() -> Result<Rig> {
        let store = store_with_accounts(Some(PASSWORD))?;
        let server =
            Server::start(store.clone(), Config { options: options(), ..Config::default() })?;
        Ok(Rig { store, way: Way::Http(server) })
    }

    /// A profile with a service for each user, the first one's store as the default.
    pub fn profile_of(&self, users: &[&str]) -> Result<Profile> {
        users.iter().try_fold(Profile::default(), |profile, user| {
            Ok(match &self.way {
                Way::Loopback(service) => profile.service(service.as_user(user)?),
                Way::Http(_) => profile.service(Http::new(&self.url(), user, PASSWORD)?),
            })
        })
    }

    pub fn profile(&self, user: &str) -> Result<Profile> {
        Ok(match &self.way {
            Way::Loopback(service) => Profile::new(service.as_user(user)?),
            Way::Http(_) => Profile::new(Http::new(&self.url(), user, PASSWORD)?),
        })
    }

    /// The server's base; empty where there is none.
    pub fn url(&self) -> String {
        match &self.way {
            Way::Loopback(_) => String::new(),
            Way::Http(server) => format!("http://{}", server.addresses()[0]),
        }
    }

    pub fn session(&self, user: &str) -> Result<Session> {
        Ok(Session::logon(self.profile(user)?)?)
    }

    pub fn store_of(&self, user: &str) -> Result<MsgStore> {
        Ok(self.session(user)?.open_default_msg_store()?)
    }

    /// A client that speaks in ROPs, logged on to the user's own mailbox.
    pub fn client(&self, user: &str) -> Result<Client> {
        let mut client = self.bare_client(user)?;
        let dn = self.legacy_dn(user)?;
        client.logon = client.log_on(&dn)?;
        Ok(client)
    }

    /// A client in a Session Context of the user's, without a logon.
    pub fn bare_client(&self, user: &str) -> Result<Client> {
        self.bare_client_in(user, 1252)
    }

    /// As [`Rig::bare_client`], with another code page of strings than usual.
    pub fn bare_client_in(&self, user: &str, code_page: u32) -> Result<Client> {
        let connected = match &self.way {
            Way::Loopback(service) => service.as_user(user)?.code_page(code_page).connect()?,
            Way::Http(_) => {
                Http::new(&self.url(), user, PASSWORD)?.code_page(code_page).connect()?
            }
        };
        Ok(Client::new(connected.transport))
    }

    /// The distinguished name by which a logon names a user's mailbox.
    pub fn legacy_dn(&self, user: &str) -> Result<String> {
        let account = self.store.account_by_address(user)?.ok_or("no such account")?;
        Ok(account.legacy_dn)
    }

    pub fn inbox(&self) -> Result<Folder> {
        Ok(self.store_of(ME)?.inbox()?)
    }

    /// How many objects of all kinds the server's ledger counts, Session Contexts among them.
    pub fn live(&self) -> u64 {
        self.ledger().live_total()
    }

    pub fn ledger(&self) -> &mapi_server::Ledger {
        match &self.way {
            Way::Loopback(service) => service.ledger(),
            Way::Http(server) => &server.processor().ledger,
        }
    }
}

impl Rig {
    /// What the server does with sessions that were silent for too long.
    pub fn end_all_sessions(&self) {
        if let Way::Http(server) = &self.way {
            drop(server.processor().sessions.end_all());
        }
    }
}

fn options() -> Options {
    Options { refused: crate::prove::refused(), ..Options::default() }
}

fn store_with_accounts(password: Option<&str>) -> Result<Store> {
    let store = Store::in_memory(StoreOptions::default())?;
    let mut accounts = Vec::new();
    for address in [ME, DELEGATE, STRANGER] {
        let name = address.split('@').next().unwrap_or_default();
        accounts.push(store.create_account(&NewAccount {
            address: address.into(),
            display_name: name.into(),
            password: password.map(str::to_owned),
        })?);
    }
    store.grant_full_access(accounts[0].id, accounts[1].id)?;
    Ok(store)
}

/// Runs tests over both ways: `on_both! { fn name(rig: &Rig) -> Result { ... } }` makes `name::loopback`
/// and `name::http`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($rig:ident: &Rig) -> Result $body:block)*) => {$(
        $(#[$meta])*
        fn $name($rig: &$crate::rig::Rig) -> $crate::Result $body

        mod $name {
            use $crate::rig::Rig;

            #[test]
            fn loopback() -> $crate::Result {
                super::$name(&Rig::loopback()?)
            }

            #[test]
            fn http() -> $crate::Result {
                super::$name(&Rig::http()?)
            }
        }
    )*};
}
