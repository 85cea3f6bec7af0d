//! The binary properties of a calendar: recurrence, time zones, the id of a meeting.

pub mod object_id;
pub mod recurrence;
pub mod zone;
