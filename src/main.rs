//! The program `lua`: keeps the version history of a workspace. Everything it does is in the library; this is its face.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main().into()
}
