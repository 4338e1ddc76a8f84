//! Answers in words.

pub mod change;
pub mod count;
pub mod diff;
pub mod drill;
pub mod escape;
pub mod ignore;
pub mod init;
pub mod left_out;
pub mod list;
pub mod marks;
pub mod notice;
pub mod page;
pub mod patch;
pub mod promote;
pub mod prune;
pub mod push;
pub mod restore;
pub mod rollback;
pub mod show;
pub mod stat;
pub mod status;
pub mod table;
pub mod time;
pub mod transfer;
pub mod verify;
pub mod width;
