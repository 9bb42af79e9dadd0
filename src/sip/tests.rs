//! Two endpoints with sessions over a virtual link: loss, partition, and the races of RFC 5407.

mod ladder;
mod loss;
mod operations;
mod races;
mod reliable;
mod world;
