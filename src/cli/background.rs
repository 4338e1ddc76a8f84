//! Going on in a process of its own that nobody waits for.

use std::path::Path;
use std::process::{Command, Stdio};

/// Begins a sync with a remote.
pub fn begin(workspace: &Path, remote: &str) -> std::io::Result<()> {
    let mut sync = Command::new(std::env::current_exe()?);
    sync.args(["sync", "--background", "--remote", remote]).current_dir(workspace);
    sync.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Not waited for: this process ends soon, and the system takes it over.
    sync.spawn().map(drop)
}

/// Leaves the session of the terminal, so that what ends there does not end this.
pub fn detach() {
    // One that leads a group cannot leave it, and was not begun from a terminal.
    let _ = rustix::process::setsid();
}
