//! What each ROP answers, pinned to the specifications: one module for each of them. The same tests run
//! over Loopback and over HTTP.
//!
//! A test cites what it pins in the doc comment of its function, a line for each section:
//! `/// MS-OXCTABL 2.2.2.8.1: R123, R124`. `cargo xtask conformance` counts the citations.

mod body;
mod fold;
mod http;
mod msg;
mod notif;
mod omsg;
mod perm;
mod prpt;
mod rops;
mod rule;
mod stor;
mod tabl;
