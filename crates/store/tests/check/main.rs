//! `store::check`: every kind of damage is named, mended or said to be lost, and nothing else is touched.

#[path = "../common/mod.rs"]
mod common;

mod damage;
mod directory;
mod fixture;
mod online;
mod random;
