//! Going on in a process of its own that nobody waits for.

use std::path::Path;
use std::process::{Command, Stdio};

/// How much less a collection counts than what the user waits for.
const NICE: i32 = 10;

/// Begins a sync with a remote.
pub fn begin_sync(workspace: &Path, remote: &str) -> std::io::Result<()> {
    begin(workspace, &["sync", "--background", "--remote", remote])
}

/// Begins a collection.
pub fn begin_collection(workspace: &Path) -> std::io::Result<()> {
    begin(workspace, &["gc", "--background"])
}

fn begin(workspace: &Path, arguments: &[&str]) -> std::io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).current_dir(workspace);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Not waited for: this process ends soon, and the system takes it over.
    command.spawn().map(drop)
}

/// Leaves the session of the terminal, so that what ends there does not end this.
pub fn detach() {
    // One that leads a group cannot leave it, and was not begun from a terminal.
    let _ = rustix::process::setsid();
}

/// Lets all others go first.
pub fn step_back() {
    let _ = rustix::process::nice(NICE);
}
