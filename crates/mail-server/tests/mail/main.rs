//! What all protocols have in common, over sockets: TLS, and programs that others wrote.

mod pop3;
mod programs;
mod rig;
mod tls;
