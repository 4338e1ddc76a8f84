//! The checkout as a whole. Tests of single parts are beside them.

mod exact;
mod kills;
mod left_out;
mod others;
mod places;
