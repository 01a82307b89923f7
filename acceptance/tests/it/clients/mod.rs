//! Stock clients that run one list of scenarios, told in `clients/README.md`.

mod go;
mod java;
mod lapin;
mod perf_test;
mod php;
mod report;
pub(crate) mod stage;
