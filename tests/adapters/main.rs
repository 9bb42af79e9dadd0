//! The adapters of outside services against small servers in this process that serve well, badly,
//! or not at all.

mod aura;
mod faults;
mod flux;
mod openai;
mod prompts;
mod server;
