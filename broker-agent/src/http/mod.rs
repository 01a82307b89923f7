//! The status pages: read only, HTTP/1.1.
//!
//! | path                   | answer                                                              |
//! | ---------------------- | ------------------------------------------------------------------- |
//! | `/health/live`         | 200 while the process works                                         |
//! | `/health/ready`        | 200 once no broker is starting any more, 503 before and on stopping |
//! | `/health/brokers/NAME` | 200 while clients of the broker are served here: of a pair, on the  |
//! |                        | active only; else 503, or 404 if there is no such broker            |
//! | `/metrics`             | figures of brokers and machine for Prometheus                       |
//! | `/api/overview`        | brokers, their endpoints and totals as JSON                         |
//! | `/`                    | the same for people                                                 |
//!
//! The health checks are for anyone. The rest names brokers and their load, so it is for callers
//! on this machine and for those who show a certificate of the fleet.

mod overview;
mod page;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::overview::Overview;
use crate::hosting::{self, Hosting};
use crate::incoming::{Accepted, accept};
use crate::metrics::{self, Metrics};
use crate::replication::words;

/// Connections at a time: browsers, load balancers, monitors.
const CONNECTIONS: usize = 64;

/// Longest wait for a request's head, also between two requests.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// What the pages show.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    /// The brokers.
    pub hosting: Arc<Hosting>,
    /// Their figures.
    pub metrics: Arc<Metrics>,
    /// Name clients reach this machine by.
    pub advertised_host: String,
    /// The process is about to end.
    pub stopping: CancellationToken,
}

/// Whether a caller may see more than the health checks.
#[derive(Debug, Clone, Copy)]
struct Trusted(bool);

impl Pages {
    /// Serves the pages with TLS, until the agent stops.
    pub(crate) fn serve_tls(self, listener: TcpListener, tls: Arc<ServerConfig>) {
        let acceptor = TlsAcceptor::from(tls);
        let shake = move |socket| acceptor.accept(socket);
        let connections = accept(listener, CONNECTIONS, self.stopping.clone(), shake);
        let certified =
            |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().is_some();
        tokio::spawn(self.serve(connections, certified));
    }

    /// Serves the pages in plaintext: for listeners on loopback.
    pub(crate) fn serve_plain(self, listener: TcpListener) {
        let connections = accept(
            listener,
            CONNECTIONS,
            self.stopping.clone(),
            async |socket| Ok(socket),
        );
        tokio::spawn(self.serve(connections, |_: &TcpStream| false));
    }

    async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        self,
        mut connections: mpsc::Receiver<Accepted<S>>,
        certified: impl Fn(&S) -> bool,
    ) {
        let stopping = self.stopping.clone();
        let router = router(self);
        while let Some(connection) = connections.recv().await {
            let trusted =
                connection.peer.ip().to_canonical().is_loopback() || certified(&connection.stream);
            let router = router.clone().layer(Extension(Trusted(trusted)));
            let talk = stopping
                .clone()
                .run_until_cancelled_owned(talk(connection, router));
            tokio::spawn(talk);
        }
    }
}

/// Answers the requests of one connection.
pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    connection: Accepted<S>,
    router: Router,
) {
    let peer = connection.peer;
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE);
    let service = TowerToHyperService::new(router);
    if let Err(cause) = builder
        .serve_connection(TokioIo::new(connection), service)
        .await
    {
        debug!(%peer, cause, "status connection ended early");
    }
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/health/live", get("ok\n"))
        .route("/health/ready", get(ready))
        .route("/health/brokers/{name}", get(broker_health))
        .route("/api/overview", get(api_overview))
        .route("/metrics", get(figures))
        .route("/", get(index))
        .with_state(pages)
}

async fn ready(State(pages): State<Pages>) -> Response {
    let starting = |view: &hosting::View| matches!(view.state, hosting::State::Starting);
    if pages.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if pages.hosting.views().iter().any(starting) {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response();
    }
    "ready\n".into_response()
}

/// For load balancers: whether to send clients here.
async fn broker_health(State(pages): State<Pages>, Path(name): Path<String>) -> Response {
    let Ok(view) = pages.hosting.view(&name) else {
        return (StatusCode::NOT_FOUND, "no such broker\n").into_response();
    };
    let (serves, word) = match &view.state {
        _ if pages.stopping.is_cancelled() => (false, "stopping"),
        hosting::State::Deleted | hosting::State::Stopping => (false, "stopping"),
        hosting::State::Failed(_) => (false, "failed"),
        hosting::State::Paired(pair) => {
            let state = pair.picture().await.state();
            (words::is_active(state), words::state(state))
        }
        hosting::State::Running(_) => (true, "running"),
        hosting::State::Starting => (false, "starting"),
    };
    let code = if serves {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, fresh(), format!("{word}\n")).into_response()
}

async fn api_overview(
    State(pages): State<Pages>,
    Extension(trusted): Extension<Trusted>,
) -> Response {
    match seen_by(trusted, &pages).await {
        Err(refusal) => refusal,
        Ok(overview) => (fresh(), Json(overview)).into_response(),
    }
}

async fn figures(State(pages): State<Pages>, Extension(trusted): Extension<Trusted>) -> Response {
    if let Some(refusal) = refusal(trusted) {
        return refusal;
    }
    let text = pages.metrics.scrape().await;
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

async fn index(State(pages): State<Pages>, Extension(trusted): Extension<Trusted>) -> Response {
    match seen_by(trusted, &pages).await {
        Err(refusal) => refusal,
        Ok(overview) => (fresh(), Html(page::html(&overview))).into_response(),
    }
}

async fn seen_by(trusted: Trusted, pages: &Pages) -> Result<Overview, Response> {
    match refusal(trusted) {
        Some(refusal) => Err(refusal),
        None => Ok(Overview::of(&pages.hosting, &pages.advertised_host).await),
    }
}

/// What strangers get.
fn refusal(Trusted(trusted): Trusted) -> Option<Response> {
    let sentence = "From another machine this page needs a client certificate of the fleet's CA \
                    (admin/client.pem that `broker-agent init` made).\n";
    (!trusted).then(|| (StatusCode::FORBIDDEN, sentence).into_response())
}

/// Live figures, and nothing a page could load or be loaded into.
fn fresh() -> [(HeaderName, &'static str); 4] {
    [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ]
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::bounds::Bounds;
    use crate::registry::Registry;

    async fn status(router: &Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn strangers_get_health_checks_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, records) = Registry::open(dir.path()).unwrap();
        let stopping = CancellationToken::new();
        let hosting = Hosting::open(registry, records, None, Bounds::default(), None, None);
        let settings = metrics::settings::Settings::default();
        let pages = Pages {
            metrics: Metrics::new(Arc::clone(&hosting), dir.path(), None, &settings),
            hosting,
            advertised_host: "mq".to_owned(),
            stopping: stopping.clone(),
        };
        let strange = router(pages.clone()).layer(Extension(Trusted(false)));
        let trusted = router(pages).layer(Extension(Trusted(true)));
        for path in ["/", "/api/overview", "/metrics"] {
            assert_eq!(status(&strange, path).await, StatusCode::FORBIDDEN);
            assert_eq!(status(&trusted, path).await, StatusCode::OK);
        }
        assert_eq!(status(&strange, "/health/live").await, StatusCode::OK);
        assert_eq!(status(&strange, "/health/ready").await, StatusCode::OK);
        stopping.cancel();
        assert_eq!(
            status(&strange, "/health/ready").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
