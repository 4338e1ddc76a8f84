//! Manual pages, made of the definitions of the command line.

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::Cli;
use super::environment::named;

/// A manual page.
pub struct Page {
    /// Name of its file, for example `lua-push.1`.
    pub name: String,
    /// Its text, for `man`.
    pub text: String,
}

/// The page of the program, and behind it those of all commands.
pub fn pages(program: &str) -> std::io::Result<Vec<Page>> {
    // A file's name, whatever the program was called by.
    let name = program.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "_");
    let mut command = Cli::command().name(name).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut pending = vec![command];
    while let Some(command) = pending.pop() {
        let below: Vec<Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).cloned().collect();
        pending.extend(below.into_iter().rev());
        let man = Man::new(command);
        let mut text = Vec::new();
        man.render(&mut text)?;
        // A hyphen is written so in the language of manual pages.
        let text = named(&String::from_utf8_lossy(&text), &program.replace('-', "\\-"));
        pages.push(Page { name: man.get_filename(), text });
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_the_program() {
        let pages = pages("lua-store").unwrap();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names[0], "lua-store.1");
        for name in ["lua-store-push.1", "lua-store-source-rollback.1", "lua-store-import-git.1"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(pages.iter().all(|page| !page.text.contains("{lua}")));
        assert!(pages[0].text.contains("lua\\-store push"), "{}", pages[0].text);
    }
}
