//! To be filled.

pub mod logging;
pub mod proto;
mod serve;
pub mod transport;

pub use serve::{ServeOptions, serve};
