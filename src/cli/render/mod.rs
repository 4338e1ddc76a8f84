//! Answers in words.

pub mod change;
pub mod count;
pub mod diff;
pub mod escape;
pub mod ignore;
pub mod init;
pub mod left_out;
pub mod list;
pub mod log;
pub mod ls;
pub mod notice;
pub mod page;
pub mod patch;
pub mod promote;
pub mod push;
pub mod restore;
pub mod rollback;
pub mod show;
pub mod stat;
pub mod status;
pub mod table;
pub mod time;
pub mod verify;
pub mod width;
