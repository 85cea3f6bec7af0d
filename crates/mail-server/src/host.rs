//! What every service needs of the program around it.

use std::path::PathBuf;
use std::sync::Arc;

use store::Store;

use crate::auth::Verifier;
use crate::work::Work;

/// Shared by all services of a process.
pub struct Host {
    pub store: Store,
    pub work: Work,
    pub verifier: Arc<dyn Verifier>,
    /// The name by which this host greets and signs what it receives.
    pub name: String,
    /// A folder for messages on their way in. What is written there has no name and goes with the process.
    pub spool: PathBuf,
}
