//! What a second node costs: a broker of one node and one of two, measured by turns on one machine.
//!
//! ```text
//! cargo run --release -p broker-net --example pair -- compare DIR    # throughput, latency, processor
//! cargo run --release -p broker-net --example pair -- recover DIR    # absence, wiped disk, promotion
//! cargo run --release -p broker-net --example pair -- single|pair DIR PORT
//! cargo run --release -p broker-net --example pair -- load PORT WINDOW BODY_BYTES SECONDS
//! ```
//!
//! The first two print what they measured in Markdown. The third serves AMQP 0-9-1 on that port of
//! 127.0.0.1 with the user `guest` until it is killed; the fourth publishes persistent messages with
//! confirms to it, so many unconfirmed at a time, and takes them from their queue.
//!
//! The nodes speak with each other as they always do, by mutual TLS over loopback, and keep their
//! journals in `DIR/1` and `DIR/2`, on one disk: what two machines would do at the same time has to be
//! done by one.

mod client;
mod compare;
mod load;
mod nodes;
mod recover;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: pair compare|recover DIR, pair single|pair DIR PORT, or pair load PORT \
                     WINDOW BODY_BYTES SECONDS";

#[expect(clippy::print_stdout, reason = "a program that tells what it measured")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["compare", dir] => println!("{}", compare::run(Path::new(dir))?),
        ["recover", dir] => println!("{}", recover::run(Path::new(dir))?),
        ["single", dir, port] => nodes::serve_single(Path::new(dir), port.parse()?)?,
        ["pair", dir, port] => nodes::serve_pair(Path::new(dir), port.parse()?)?,
        ["load", port, window, body_bytes, seconds] => {
            let body = vec![b'x'; body_bytes.parse()?];
            let duration = Duration::from_secs_f64(seconds.parse()?);
            let measured = load::run(port.parse()?, window.parse()?, &body, duration)?;
            println!("{measured}");
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
