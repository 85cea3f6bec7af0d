//! Names, addresses and texts of the domain name system.
//!
//! [`Resolver`] is what the rest asks. [`System`] is it over the network, through the name servers of the machine or
//! those that it is given; [`Zone`] is it over a table, for tests.
//!
//! INVARIANT: nothing is looked up unless a feature that needs it was turned on: who starts no [`System`] asks nobody.

mod system;
mod zone;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;

pub use system::{NoResolver, Options, System};
pub use zone::{Serving, Zone};

/// What a look-up becomes.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<Vec<T>, LookupError>> + Send + 'a>>;

/// Looks names up. Names are given with or without the dot at their end, in any case, and in Unicode or in their
/// ASCII form; the names that come back are lower case, ASCII, and without that dot.
///
/// A name that exists without records of the kind has an empty answer: RFC 5321 5.1 tells it from
/// [`LookupError::NoSuchName`].
pub trait Resolver: Send + Sync + 'static {
    /// The hosts that take a domain's mail, the preferred ones first; those of one preference in any order.
    fn mx(&self, domain: &str) -> Answer<'_, Mx>;

    /// A host's addresses, those of IPv4 first. An answer for one kind counts when the other fails.
    fn addresses(&self, host: &str) -> Answer<'_, IpAddr>;

    /// Texts, each with its strings put together (RFC 7208 3.3).
    fn txt(&self, name: &str) -> Answer<'_, Vec<u8>>;

    /// The names of an address.
    fn ptr(&self, address: IpAddr) -> Answer<'_, String>;
}

/// A host that takes a domain's mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    pub preference: u16,
    /// Empty for the root: such a domain takes no mail (RFC 7505).
    pub host: String,
}

impl Mx {
    /// Whether these records say that the domain takes no mail (RFC 7505 3).
    pub fn is_null(records: &[Mx]) -> bool {
        matches!(records, [only] if only.host.is_empty())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupError {
    /// No name like this exists (NXDOMAIN): asking again is of no use.
    NoSuchName,
    /// It is no name at all: too long, an empty label.
    BadName,
    /// The name servers failed or did not answer in time: it may be asked again later.
    Failed(String),
}

impl LookupError {
    pub fn is_temporary(&self) -> bool {
        matches!(self, LookupError::Failed(_))
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::NoSuchName => f.write_str("the name does not exist"),
            LookupError::BadName => f.write_str("it is not a domain name"),
            LookupError::Failed(why) => write!(f, "the name servers gave no answer: {why}"),
        }
    }
}

impl std::error::Error for LookupError {}
