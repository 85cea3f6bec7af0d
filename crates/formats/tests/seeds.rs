//! The fuzz targets' seeds go through the checks of their targets in the ordinary tests, too.

use std::path::Path;

#[test]
fn seeds_pass_the_check_of_their_target() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut count = 0;
    for target in ["html", "ical", "mbox", "mime", "msg", "rtf", "text", "tnef", "vcard"] {
        for seed in std::fs::read_dir(seeds.join(format!("formats_{target}"))).expect(target) {
            let path = seed.expect("a readable entry").path();
            let bytes = std::fs::read(&path).expect("a seed");
            formats::oracle::check(target, &bytes);
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} seeds");
}
