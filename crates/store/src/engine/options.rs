use std::io;
use std::sync::Arc;

/// Free and total bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that this process may still use.
    pub free: u64,
    /// The size of the file system.
    pub total: u64,
}

/// Asks for the space of the data directory's file system; replaced in tests.
pub type SpaceProbe = Arc<dyn Fn() -> io::Result<DiskSpace> + Send + Sync>;

/// How an engine is opened. [`Options::default`] is right for a small server.
#[derive(Clone)]
pub struct Options {
    /// Bound of the bytes held by write buffers and the block cache together; at least 4 MiB.
    pub memory_budget: u64,
    /// Free bytes below which writes that grow are refused. Without a value 64 MiB, or a
    /// twentieth of the file system if that is less.
    pub free_space_floor: Option<u64>,
    /// Bytes of the reserve file, which is given up so that deletes find room on a full disk.
    /// Without a value 16 MiB, or a twenty-fifth of the file system if that is less.
    pub reserve: Option<u64>,
    /// Bound of the bytes in batches that wait for the writer; enqueueing blocks beyond it.
    pub queue_bytes: usize,
    /// Replaces the question to the file system.
    pub space_probe: Option<SpaceProbe>,
    /// Notes after each sync how far it reached, for [`power_loss`](super::power_loss). Tests
    /// only: it costs a pass over the new part of the journal at each sync.
    pub record_syncs: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_budget: 24 << 20,
            free_space_floor: None,
            reserve: None,
            queue_bytes: 32 << 20,
            space_probe: None,
            record_syncs: false,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("memory_budget", &self.memory_budget)
            .field("free_space_floor", &self.free_space_floor)
            .field("reserve", &self.reserve)
            .field("queue_bytes", &self.queue_bytes)
            .finish_non_exhaustive()
    }
}
