//! `serve`: the whole `main` of a provider program.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use crate::logging;
use crate::proto::tfplugin6::provider_server::Provider;
use crate::transport::{self, Parent, StopToken, TransportError, guard};

/// How a provider is served; start from [`ServeOptions::new`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeOptions {
    /// Short name of the provider, `ferrymq` for `terraform-provider-ferrymq`.
    pub name: &'static str,
    /// The address by which configurations require the provider; see
    /// [`Provider::SOURCE`](crate::Provider::SOURCE).
    pub source: &'static str,
    /// Serve whoever connects, for a debugger, instead of the Terraform that started the
    /// process.
    pub debug: bool,
    /// Crates whose log lines of every level are written. Of all others only
    /// warnings and errors are: libraries log what they carry, secrets included.
    pub log_crates: Vec<&'static str>,
    /// Fired at the end of the process. Hand clones to whatever waits.
    pub stop: StopToken,
    /// Largest message accepted or sent. Terraform itself takes schemas up to 64 MiB.
    pub message_limit_bytes: usize,
    /// How long the process stays without any connection, before the first and
    /// after the last.
    pub unused_timeout: Duration,
}

impl ServeOptions {
    /// Options for the provider `name`, whose code lives in the crate `log_crate`
    /// (pass `env!("CARGO_CRATE_NAME")`).
    pub fn new(name: &'static str, log_crate: &'static str) -> Self {
        Self {
            name,
            source: name,
            debug: false,
            log_crates: vec![env!("CARGO_CRATE_NAME"), log_crate],
            stop: StopToken::new(),
            message_limit_bytes: 256 << 20,
            unused_timeout: Duration::from_secs(60),
        }
    }
}

/// The whole `main` of a provider: `tfplugin_rs::main!(Notes);` serves `Notes` as
/// [`run`](crate::run) does, with the log lines of the crate that says so.
#[macro_export]
macro_rules! main {
    ($provider:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run($provider, ::std::env!("CARGO_CRATE_NAME"))
        }
    };
}

/// Serves `provider` to the Terraform that started this process, until it is done.
///
/// Call it first thing in `main` and return what it returns: it sets up logging and
/// the panic hook, builds its own runtime, and prints the reason to stderr when it
/// cannot serve. Nothing else may print to stdout, which belongs to the handshake.
pub fn serve<P: Provider>(provider: P, options: ServeOptions) -> ExitCode {
    // Before all else, so that a parent that dies early is missed later.
    let parent = (!options.debug).then(Parent::current);
    match try_serve(provider, &options, parent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn try_serve<P: Provider>(
    provider: P,
    options: &ServeOptions,
    parent: Option<Parent>,
) -> Result<(), TransportError> {
    // Lossy, so that a variable that is not UTF-8 is refused and not taken for absent.
    let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let client = match options.debug {
        true => transport::Client::debugger(),
        false => transport::Client::from_env(lookup)?,
    };
    logging::init(options.name, &options.log_crates);
    guard::log_panics();
    let runtime = runtime().map_err(TransportError::Runtime)?;
    let served = runtime.block_on(transport::run(provider, &client, options, parent));
    // Blocking work that outlived the drain must not hold the process back.
    runtime.shutdown_background();
    served
}

/// Two workers: one call that computes for long must not hold up the others, and
/// threads that are never used still cost start-up time.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}
