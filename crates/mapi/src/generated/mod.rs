//! Tables made by `cargo xtask codegen` from the text tables in `tables/`.

pub mod errors;
pub mod named;
pub mod tags;
