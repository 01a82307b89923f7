//! The explorations that every test run makes, at bounds that take seconds, and each rule left out.

#![allow(clippy::unwrap_used)]

mod losses;
mod readme;
mod serving;
