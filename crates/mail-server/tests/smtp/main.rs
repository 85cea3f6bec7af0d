//! SMTP, submission and LMTP over real sockets.

mod authenticated;
mod cuts;
mod dialogue;
mod programs;
mod rig;
