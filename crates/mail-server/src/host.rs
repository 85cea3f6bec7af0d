//! What every service needs of the program around it.

use std::sync::Arc;

use store::Store;

use crate::auth::Verifier;
use crate::letters::Letters;
use crate::work::Work;

/// Shared by all services of a process.
pub struct Host {
    pub store: Store,
    /// What brings mail in: it waits for the disk most of its time.
    pub work: Work,
    /// What users ask of their mailboxes. Apart, so that whoever reads and searches keeps no mail out.
    pub reading: Work,
    pub verifier: Arc<dyn Verifier>,
    /// The name by which this host greets and signs what it receives.
    pub name: String,
    /// Messages on their way in, over all protocols together.
    pub letters: Letters,
}
