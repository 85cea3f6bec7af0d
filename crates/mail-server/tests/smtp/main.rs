//! SMTP, submission and LMTP over real sockets.

mod cuts;
mod dialogue;
mod programs;
mod rig;
