//! A sealed place to run the program in: a temporary folder with a home and a workspace, an environment that holds nothing but
//! what stands here, a fixed clock and author, no terminal.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::fs::Mode;
use serde_json::Value;
use tempfile::TempDir;

use super::scrub;

/// The time at which all versions are made unless a test says otherwise: 2026-01-02 03:04:05 UTC, in milliseconds.
pub const NOW_MS: i64 = 1_767_323_045_000;
/// Who makes all versions unless a test says otherwise.
pub const AUTHOR: &str = "ada";
/// A command that takes longer than this hangs, and is killed.
pub const COMMAND_MS_MAX: u64 = 60_000;

/// The program under test.
pub const LUA: &str = env!("CARGO_BIN_EXE_lua");

/// A temporary folder with a home, a workspace, and room for what tests put elsewhere.
pub struct Sandbox {
    root: PathBuf,
    now_ms: i64,
    /// Removes the folder with the sandbox, unless somebody else owns it.
    _owner: Option<TempDir>,
}

impl Sandbox {
    /// A new sandbox with an empty workspace.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("lua-test-").tempdir().expect("a temporary folder");
        let mut sandbox = Self::at(root.path());
        sandbox._owner = Some(root);
        sandbox
    }

    /// The sandbox in a folder that somebody else owns; home and workspace are made where they are missing.
    pub fn at(root: &Path) -> Self {
        // Of the whole process, and so of all that it starts; the same for every sandbox.
        rustix::process::umask(Mode::from_raw_mode(0o022));
        for name in ["home", "workspace"] {
            std::fs::create_dir_all(root.join(name)).expect("a folder in the root of a sandbox");
        }
        Self { root: root.to_path_buf(), now_ms: NOW_MS, _owner: None }
    }

    /// A new sandbox whose workspace, with its store, is a copy of another one's.
    pub fn copy_of(other: &Sandbox) -> Self {
        let sandbox = Self::new();
        super::files::copy_tree(&other.workspace(), &sandbox.workspace());
        sandbox
    }

    /// Another sandbox, whose workspace has the same store and nothing else.
    pub fn with_store_of(other: &Sandbox) -> Self {
        let sandbox = Self::new();
        super::files::copy_tree(&other.store(), &sandbox.store());
        sandbox
    }

    /// The folder that holds everything else.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The workspace.
    pub fn workspace(&self) -> PathBuf {
        self.root.join("workspace")
    }

    /// The store's folder in the workspace.
    pub fn store(&self) -> PathBuf {
        self.workspace().join(".lua")
    }

    /// A place in the workspace.
    pub fn path(&self, path: impl AsRef<[u8]>) -> PathBuf {
        self.workspace().join(OsStr::from_bytes(path.as_ref()))
    }

    /// A place beside the workspace.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Sets the time at which versions are made from now on, in milliseconds.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Writes a file in the workspace, and makes the folders on the way to it.
    pub fn write(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a path in the workspace has a parent")).expect("folders in the workspace");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("write {path:?}: {error}"));
    }

    /// A command that runs the program in the workspace, sealed.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        self.command_of(Path::new(LUA), arguments)
    }

    /// As [`Sandbox::command`], with the program at another path.
    pub fn command_of<A: AsRef<OsStr>>(&self, program: &Path, arguments: &[A]) -> Command {
        let home = self.outside("home");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.workspace()).env_clear();
        command.env("HOME", &home).env("TMPDIR", &home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        for name in ["CONFIG", "DATA", "STATE", "CACHE"] {
            command.env(format!("XDG_{name}_HOME"), home.join(name.to_lowercase()));
        }
        command.env("TZ", "UTC").env("LANG", "C.UTF-8").env("COLUMNS", "100").env("RUST_BACKTRACE", "1");
        command.env("LUA_TEST_NOW_MS", self.now_ms.to_string()).env("LUA_AUTHOR", AUTHOR);
        command.env("LUA_AUTO_GC", "0");
        command
    }

    /// Runs the program in the workspace.
    pub fn lua<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        self.run(self.command(arguments))
    }

    /// Runs a command to its end; one that hangs fails the test.
    pub fn run(&self, command: Command) -> Run {
        self.try_run(command, Duration::from_millis(COMMAND_MS_MAX)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command to its end. The error says that it did not start or did not end in time.
    pub fn try_run(&self, command: Command, time_max: Duration) -> Result<Run, String> {
        run_within(command, time_max, self.root())
    }

    /// Runs the program with `--json` and reads its answer; any exit code but 0 and 3 (something was left out) fails the test.
    pub fn json<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Value {
        let run = self.lua_json(arguments);
        assert!(matches!(run.code, 0 | 3), "{run}");
        run.value()
    }

    /// Runs the program with `--json`, whatever comes of it.
    pub fn lua_json<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        let mut arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.push(OsStr::new("--json"));
        self.lua(&arguments)
    }
}

fn run_within(mut command: Command, time_max: Duration, root: &Path) -> Result<Run, String> {
    let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{shown}: {error}"))?;
    let (mut stdout, mut stderr) = (child.stdout.take().expect("is piped"), child.stderr.take().expect("is piped"));
    let (done, wait) = channel();
    let done_too = done.clone();
    // Both pipes are read to their ends at once, so that the program never waits for a reader.
    let stdout = std::thread::spawn(move || read_to_end(&mut stdout, || done.send(())));
    let stderr = std::thread::spawn(move || read_to_end(&mut stderr, || done_too.send(())));
    let hangs = (0..2).any(|_| wait.recv_timeout(time_max).is_err());
    if hangs {
        child.kill().map_err(|error| format!("{shown}: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("{shown}: {error}"))?;
    let stdout = stdout.join().expect("reading a pipe does not panic");
    let stderr = stderr.join().expect("reading a pipe does not panic");
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    let run = Run { command: shown, stdout, stderr, code, root: root.to_path_buf() };
    if hangs { Err(format!("hangs for {time_max:?}: {run}")) } else { Ok(run) }
}

fn read_to_end<T>(pipe: &mut impl Read, done: impl FnOnce() -> T) -> String {
    let mut bytes = Vec::new();
    // A pipe of a killed program ends early, which its exit code tells.
    let _ = pipe.read_to_end(&mut bytes);
    done();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a run of the program left behind.
#[derive(Clone, Debug)]
pub struct Run {
    /// The arguments.
    pub command: String,
    /// Standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// The exit code; 128 and the signal's number for a program that a signal ended.
    pub code: i32,
    root: PathBuf,
}

impl Run {
    /// Fails the test unless the program ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) from {self}"))
    }

    /// Whether the program panicked or was ended by a signal: always a mistake of ours.
    pub fn crashed(&self) -> bool {
        crashed(self.code)
    }

    /// All that the run said, for a snapshot: without what differs from run to run.
    pub fn snapshot(&self) -> String {
        let scrub = |text: &str| scrub::scrub(text, &self.root);
        format!("exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, scrub(&self.stdout), scrub(&self.stderr))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run { command, code, stdout, stderr, .. } = self;
        write!(f, "lua {command} ended with code {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Whether an exit code is that of a panic or of a signal.
pub fn crashed(code: i32) -> bool {
    code == 101 || code >= 128
}
