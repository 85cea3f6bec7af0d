//! MAPI over HTTP ([MS-OXCMAPIHTTP]): the way in from the network.
//!
//! [`server`] accepts connections, [`router`] looks at paths, [`auth`] at credentials, [`endpoint`] does
//! the request types, [`reply`] writes the responses.

pub mod admission;
pub mod auth;
pub mod body;
pub mod bounds;
pub mod config;
pub mod connections;
pub mod cookies;
pub mod credentials;
pub mod endpoint;
pub mod metrics;
pub mod patient;
pub mod reply;
pub mod router;
pub mod server;

pub use config::{Config, Https};
pub use connections::ConnectionInfo;
pub use server::{Running, Server, Watch};
