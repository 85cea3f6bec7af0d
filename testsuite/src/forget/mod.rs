//! Runs programs under the file layer that forgets (the crate `forget`, which tells how it works), and makes
//! what they wrote look as after the loss of power.
//!
//! ```text
//! let mut layer = Layer::new(root)?;          // what is below root now counts as durable
//! layer.command(program).args(..).spawn()?    // runs, is killed
//! let lost = layer.lose(Loss::All)?;          // root holds what a disk would hold
//! ```

mod image;
mod replay;

#[allow(dead_code, reason = "the steps are counted by the layer")]
#[path = "../../forget/src/control.rs"]
mod control;
#[allow(dead_code, reason = "the tests only read")]
#[path = "../../forget/src/record.rs"]
mod record;

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub use control::{Control, Fault};
pub use image::Image;
pub use replay::{Loss, Lost};

use crate::Result;

/// Programs that change files below one directory, one at a time.
pub struct Layer {
    library: PathBuf,
    root: PathBuf,
    /// What is durable.
    image: Image,
    /// The log and the control page.
    scratch: tempfile::TempDir,
    control: &'static Control,
    sync_micros: Option<u32>,
    lenient: Vec<&'static str>,
    trusts_syncs: bool,
}

const PAGE: usize = 4096;

impl Layer {
    /// Takes what is below `root`, an existing directory, as durable.
    pub fn new(root: &Path) -> Result<Layer> {
        let root = root.canonicalize()?;
        // In memory: it holds every byte that is written, and is not what is tested.
        let memory = Path::new("/dev/shm");
        let scratch = match memory.is_dir() {
            true => tempfile::tempdir_in(memory)?,
            false => tempfile::tempdir()?,
        };
        let page = File::create(scratch.path().join("control"))?;
        page.set_len(PAGE as u64)?;
        let layer = Layer {
            library: library()?.to_owned(),
            image: Image::read(&root)?,
            control: map(&scratch.path().join("control"))?,
            root,
            scratch,
            sync_micros: None,
            lenient: Vec::new(),
            trusts_syncs: true,
        };
        layer.clear_log()?;
        Ok(layer)
    }

    /// Lets syncs take so long and not reach the disk: the log alone tells what was synced.
    pub fn pretend_syncs(&mut self, micros: u32) {
        self.sync_micros = Some(micros);
    }

    /// In directories of this name, the sync of a new file makes its name durable too.
    pub fn names_come_with_syncs_in(&mut self, directory: &'static str) {
        self.lenient.push(directory);
    }

    /// From now on syncs make nothing durable: the disk lies.
    pub fn distrust_syncs(&mut self) {
        self.trusts_syncs = false;
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Commands the faults of the program that runs.
    pub fn control(&self) -> &Control {
        self.control
    }

    /// A command that runs under the layer.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("LD_PRELOAD", &self.library)
            .env("FORGET_ROOT", &self.root)
            .env("FORGET_LOG", self.scratch.path().join("log"))
            .env("FORGET_CONTROL", self.scratch.path().join("control"));
        if let Some(micros) = self.sync_micros {
            command.env("FORGET_SYNC_MICROS", micros.to_string());
        }
        command
    }

    /// After the programs have ended: the directory as a disk would hold it. It counts as durable then.
    ///
    /// It begins with a check of the layer itself: the log has to tell of everything that stands in the
    /// directory now, but for the one change that a kill may have kept from the log.
    pub fn lose(&mut self, loss: Loss) -> Result<Lost> {
        let log = std::fs::read(self.scratch.path().join("log"))?;
        let replay =
            |loss| replay::replay(&self.image, &log, loss, &self.lenient, self.trusts_syncs);
        let (told, mut lost) = replay(Loss::Nothing)?;
        let differences = told.differences(&Image::read(&self.root)?);
        // A rename is one change of two names.
        if differences.len() > 2 {
            return Err(format!("the layer missed something: {differences:?}").into());
        }
        if loss != Loss::Nothing {
            let kept;
            (kept, lost) = replay(loss)?;
            kept.write(&self.root)?;
        }
        self.settle()?;
        Ok(lost)
    }

    /// Takes what is there now as durable.
    pub fn settle(&mut self) -> Result {
        self.image = Image::read(&self.root)?;
        self.clear_log()
    }

    /// Puts back an image, as durable.
    pub fn reset(&mut self, image: &Image) -> Result {
        image.write(&self.root)?;
        self.settle()
    }

    fn clear_log(&self) -> Result {
        File::create(self.scratch.path().join("log"))?;
        Ok(())
    }
}

/// In a program under the layer: the page by which it arms its own faults. None without the layer.
pub fn own_control() -> Option<&'static Control> {
    map(Path::new(&std::env::var_os("FORGET_CONTROL")?)).ok()
}

fn map(path: &Path) -> Result<&'static Control> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // SAFETY: a new mapping of a file that has a page; nothing unmaps it.
    let memory = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), PAGE, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if memory == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: aligned, zeroed at first, large enough, and accessed by atomics only.
    Ok(unsafe { &*memory.cast::<Control>() })
}

/// Whether the layer can be used on this system; says so where it cannot.
pub fn is_supported() -> bool {
    let supported = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    if !supported {
        println!("skipped: the file layer knows Linux on x86_64 only");
    }
    supported
}

/// The layer's library. Nothing depends on it, so cargo is asked to build it.
fn library() -> Result<&'static Path> {
    static LIBRARY: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built = LIBRARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--package", "forget", "--locked", "--quiet"])
            .args(["--message-format", "json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        // One of the messages names the file.
        let text = String::from_utf8_lossy(&output.stdout);
        let file = text.split('"').find(|word| word.ends_with("libforget.so"));
        file.map(PathBuf::from).ok_or_else(|| "cargo built no libforget.so".to_owned())
    });
    match built {
        Ok(path) => Ok(path),
        Err(error) => Err(format!("the file layer: {error}").into()),
    }
}
