//! Types for [`Text`](crate::model::Text): what people write as strings and mean as something else.
//!
//! Each compares by meaning, so two spellings of one value are no change: a `Text<Json>` in state
//! keeps the white space a person chose when the service answers with its own.

mod caseless;
mod cidr;
mod json;
#[cfg(test)]
mod model_tests;
mod period;
mod size;
mod timestamp;

pub use self::caseless::Caseless;
pub use self::cidr::{Cidr, CidrError};
pub use self::json::{Json, JsonError};
pub use self::period::{Period, PeriodError};
pub use self::size::{Size, SizeError};
pub use self::timestamp::{Timestamp, TimestampError};
