//! House rules that no compiler or linter checks: who may depend on whom, documentation and size of
//! files and functions, and what must not be left lying about.
//!
//! Each rule is one test that reads `cargo metadata` or the sources and lists every breach with its
//! place and the way out. Exceptions stand in tables beside the rule, each with its reason; where an
//! exception has a number, the number may only fall.

mod edges;
mod leftovers;
mod size;
mod sources;
