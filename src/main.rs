//! `ringwell`: the command line.

fn main() {}
