//! Tests of the codec: tables of cases, every cut of a stream, and generated input.

mod frames;
mod generated;
mod methods;
mod tables;
