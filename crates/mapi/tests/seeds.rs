//! The fuzz targets' seeds go through every check in the ordinary tests, too.

use std::path::Path;

#[test]
fn seeds_pass_every_check() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut count = 0;
    for target in std::fs::read_dir(&seeds).expect("the folder of seeds") {
        let target = target.expect("a readable entry").path();
        // Other crates' seeds are long, and pass their own checks.
        if !target.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mapi_")) {
            continue;
        }
        for seed in std::fs::read_dir(&target).expect("a target's seeds") {
            let bytes = std::fs::read(seed.expect("a readable entry").path()).expect("a seed");
            mapi::oracle::all(&bytes);
            // Every beginning of a seed is a structure cut off.
            (0..bytes.len()).for_each(|end| mapi::oracle::all(&bytes[..end]));
            count += 1;
        }
    }
    assert!(count >= 50, "only {count} seeds");
}
