//! The child process of the transport tests: a provider written straight on the
//! generated service, without the framework.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use tfplugin_rs::proto::tfplugin6::provider_server::Provider;
use tfplugin_rs::proto::tfplugin6::{
    Diagnostic, Schema, apply_resource_change, diagnostic, get_provider_schema, read_data_source,
    schema, stop_provider,
};
use tfplugin_rs::transport::StopToken;
use tfplugin_rs::transport::guard::guard;
use tfplugin_rs::{ServeOptions, logging, serve};
use tonic::{Request, Response, Status};

fn main() -> ExitCode {
    let mut options = ServeOptions::new("bare", env!("CARGO_CRATE_NAME"));
    if let Some(milliseconds) = number("BARE_UNUSED_MS") {
        options.unused_timeout = Duration::from_millis(milliseconds);
    }
    if let Some(bytes) = number("BARE_LIMIT_BYTES") {
        options.message_limit_bytes = usize::try_from(bytes).expect("a limit fits in memory");
    }
    logging::mask("bare-secret");
    serve(
        Bare {
            stop: options.stop.clone(),
        },
        options,
    )
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|text| text.parse().expect("the test sets a number"))
}

/// What `bare_loud` prints, the end of the line included.
const LOUD_BYTES: usize = 1 << 20;

struct Bare {
    stop: StopToken,
}

impl Bare {
    /// Each resource type is a way to behave; any other name applies at once.
    #[expect(clippy::print_stdout, reason = "providers must not, and some do")]
    async fn apply(&self, type_name: &str) -> &'static str {
        match type_name {
            "bare_panic" => panic!("no shelf for bare-secret"),
            "bare_slow" => {
                tracing::info!("apply is waiting");
                self.stop.stopped().await;
                // The rest of the work, which a stop must not cut off.
                tokio::time::sleep(Duration::from_millis(300)).await;
                "stopped, then finished"
            }
            "bare_loud" => {
                // One line longer than go-plugin's reader of stdout could take.
                println!("{}", "x".repeat(LOUD_BYTES - 1));
                "printed"
            }
            "bare_stuck" => {
                tracing::info!("apply is waiting");
                std::future::pending().await
            }
            _ => "applied",
        }
    }
}

#[tonic::async_trait]
impl Provider for Bare {
    async fn get_provider_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> Result<Response<get_provider_schema::Response>, Status> {
        tracing::debug!(secret = "bare-secret", "schema");
        // Terraform crashes on a schema without a block; an empty one will do.
        let schema = Schema {
            version: 1,
            block: Some(schema::Block::default()),
        };
        Ok(Response::new(get_provider_schema::Response {
            provider: Some(schema.clone()),
            resource_schemas: [("bare_thing".to_owned(), schema)].into(),
            ..Default::default()
        }))
    }

    async fn apply_resource_change(
        &self,
        request: Request<apply_resource_change::Request>,
    ) -> Result<Response<apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        let mut response = apply_resource_change::Response {
            new_state: request.planned_state,
            ..Default::default()
        };
        match guard(self.apply(&request.type_name)).await {
            Ok(done) => response.private = done.into(),
            Err(panicked) => response.diagnostics.push(Diagnostic {
                severity: diagnostic::Severity::Error.into(),
                summary: panicked.to_string(),
                ..Default::default()
            }),
        }
        Ok(Response::new(response))
    }

    async fn read_data_source(
        &self,
        request: Request<read_data_source::Request>,
    ) -> Result<Response<read_data_source::Response>, Status> {
        let state = request.into_inner().config;
        Ok(Response::new(read_data_source::Response {
            state,
            ..Default::default()
        }))
    }

    async fn stop_provider(
        &self,
        _: Request<stop_provider::Request>,
    ) -> Result<Response<stop_provider::Response>, Status> {
        self.stop.stop();
        Ok(Response::new(stop_provider::Response::default()))
    }
}
