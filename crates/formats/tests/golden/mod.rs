//! Results that were reviewed by eye, in files beside the samples that they are of.

use std::path::{Path, PathBuf};

/// The bytes of a file in a folder of tests/.
pub fn sample(folder: &str, name: &str) -> Vec<u8> {
    std::fs::read(place(folder, name)).expect(name)
}

/// Whether a file holds this; where it does not, what came out is kept.
pub fn is_golden(folder: &str, name: &str, found: &str) -> bool {
    let found = found.replace("\r\n", "\n");
    let is = std::fs::read_to_string(place(folder, name)).unwrap_or_default() == found;
    if !is {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&kept, &found).unwrap();
        println!("tests/{folder}/{name} is not what comes out: see {}", kept.display());
    }
    is
}

fn place(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
}
