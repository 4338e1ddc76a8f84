//! Tests of the whole module.

mod chain;
mod damage;
mod helper;
mod hostile;
mod many;
mod marks;
mod measure;
mod open;
mod read_only;
mod rebuild;
mod supersede;
