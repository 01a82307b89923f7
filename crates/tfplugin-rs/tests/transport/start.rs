//! From `exec` to the first call, and what comes before it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tfplugin_rs::proto::health::HealthCheckRequest;
use tfplugin_rs::proto::health::health_check_response::ServingStatus;
use tfplugin_rs::proto::health::health_client::HealthClient;
use tfplugin_rs::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use tfplugin_rs::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplugin_rs::proto::plugin::{ConnInfo, Empty};
use tfplugin_rs::proto::tfplugin6::get_provider_schema;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;

use crate::identity::Identity;
use crate::terraform::{BARE, COOKIE, Running, command};

#[tokio::test]
async fn a_whole_run_leaves_one_line_and_no_file() {
    let mut running = Running::start(&[]).await;
    assert_eq!(running.line.len(), 6);
    assert_eq!(running.line[..3], ["1", "6", "unix"]);
    assert_eq!(running.line[4], "grpc");

    let channel = running.channel().await;
    // As go-plugin's client does first thing: two streams that stay open.
    let mut stdio = GrpcStdioClient::new(channel.clone())
        .stream_stdio(())
        .await
        .unwrap();
    let nothing = tokio_stream::pending::<ConnInfo>();
    let mut broker = GrpcBrokerClient::new(channel.clone())
        .start_stream(nothing)
        .await
        .unwrap();

    let schema = ProviderClient::new(channel.clone())
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap()
        .into_inner();
    assert!(schema.resource_schemas.contains_key("bare_thing"));

    running.shut_down(channel).await;
    assert!(stdio.get_mut().message().await.unwrap().is_none());
    assert!(broker.get_mut().message().await.unwrap().is_none());
    assert!(running.ended().await.success());
    assert_eq!(running.stdout.all().len(), 1, "{:?}", running.stdout.all());
}

#[tokio::test]
async fn the_socket_is_private() {
    let running = Running::start(&[]).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&running.socket()), 0o600);
    assert_eq!(mode(running.socket().parent().unwrap()), 0o700);
    assert!(running.socket().starts_with(running.socket_parent.path()));
}

#[tokio::test]
async fn the_plugin_says_it_is_healthy() {
    let running = Running::start(&[]).await;
    let mut health = HealthClient::new(running.channel().await);
    let of = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };

    let answer = health.check(of("plugin")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    assert_eq!(
        health.check(of("other")).await.unwrap_err().code(),
        tonic::Code::NotFound
    );

    let mut watched = health.watch(of("plugin")).await.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
}

/// What a provider offers is told by its schema alone, to callers that know the protocol.
#[tokio::test]
async fn reflection_is_not_offered() {
    let running = Running::start(&[]).await;
    let mut client = tonic::client::Grpc::new(running.channel().await);
    for path in [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let path = PathAndQuery::from_static(path);
        let answer = client.unary(Request::new(Empty {}), path, codec).await;
        assert_eq!(answer.unwrap_err().code(), tonic::Code::Unimplemented);
    }
}

#[tokio::test]
async fn started_by_hand_it_says_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(BARE, directory.path())
        .env_remove("TF_PLUGIN_MAGIC_COOKIE")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("This program is a Terraform provider."),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

#[tokio::test]
async fn a_client_of_another_protocol_learns_why() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(BARE, directory.path())
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "4,5")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("speaks only 4,5"), "{said}");
}

#[tokio::test]
async fn a_missing_socket_directory_is_named() {
    let output = command(BARE, "/nonexistent/plugins".as_ref())
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nonexistent/plugins"), "{said}");
}

/// Whatever is wrong with how it was started is told in one line, and nothing is left behind.
#[tokio::test]
async fn bad_environments_are_named_before_anything_is_made() {
    let certificate = Identity::like_terraform().pem;
    let two = certificate.clone() + &Identity::like_terraform().pem;
    let cut = &certificate[..certificate.len() / 2];
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let (cookie, versions) = ("TF_PLUGIN_MAGIC_COOKIE", "PLUGIN_PROTOCOL_VERSIONS");
    let upper = COOKIE.to_uppercase();
    let by_hand = "This program is a Terraform provider.";
    let no_certificate = "PLUGIN_CLIENT_CERT must hold exactly one certificate";
    for (variable, value, said) in [
        (cookie, "", by_hand),
        (cookie, "d602bf8f", by_hand),
        (cookie, &upper, by_hand),
        (versions, "5", "speaks only 5"),
        (versions, "7", "speaks only 7"),
        (versions, "six", "speaks only six"),
        (versions, "66,5", "speaks only 66,5"),
        ("PLUGIN_CLIENT_CERT", "garbage", no_certificate),
        ("PLUGIN_CLIENT_CERT", cut, no_certificate),
        ("PLUGIN_CLIENT_CERT", key, no_certificate),
        ("PLUGIN_CLIENT_CERT", &two, no_certificate),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output = command(BARE, directory.path())
            .env(cookie, COOKIE)
            .env(versions, "5,6")
            .env(variable, value)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}={value}");
        assert!(output.stdout.is_empty(), "{variable}={value}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains(said) && told.lines().count() == 1,
            "{variable}={value}: {told}"
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            0,
            "{variable}={value}"
        );
    }
}

/// Other protocols have other services, and none of them is here.
#[tokio::test]
async fn services_of_other_protocols_are_not_offered() {
    let running = Running::start(&[]).await;
    let mut client = tonic::client::Grpc::new(running.channel().await);
    for path in [
        "/tfplugin5.Provider/GetSchema",
        "/tfplugin7.Provider/GetProviderSchema",
        "/tfplugin6.Provider/NoSuchCall",
        "/tfplugin6.Provider/",
        "/",
    ] {
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let path = PathAndQuery::from_static(path);
        let answer = client.unary(Request::new(Empty {}), path, codec).await;
        assert_eq!(answer.unwrap_err().code(), tonic::Code::Unimplemented);
    }
    let schema = ProviderClient::new(running.channel().await)
        .get_provider_schema(get_provider_schema::Request {})
        .await;
    assert!(schema.is_ok(), "{schema:?}");
}
