//! Helpers of the one test binary.
