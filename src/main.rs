//! The program `lua`.
fn main() {}
