//! Helpers of the one test binary, and of the program that the crash tests kill.

pub mod crash;
#[cfg(target_os = "linux")]
pub mod forget;
pub mod found;
pub mod letter;
pub mod octets;
pub mod prove;
pub mod raw;
pub mod rig;
pub mod wire;

/// What a test gives back: any error fails it, with its text.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
