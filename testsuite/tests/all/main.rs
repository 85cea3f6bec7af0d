//! The one test binary. Tests of a mailbox run over both ways to it: Loopback and HTTP.

mod closing;
mod crash;
mod deleted;
mod folders;
#[cfg(target_os = "linux")]
mod forget;
#[cfg(target_os = "linux")]
mod full_disk;
mod http;
mod items;
mod mailboxes;
mod messages;
mod notifications;
mod properties;
mod q237174;
mod quota;
mod resume;
mod sending;
#[cfg(target_os = "linux")]
mod steps;
mod tables;
mod threads;
mod writes;
