//! Calls while the process lives: sizes, panics, logs.

use serde_json::Value;
use tfplugin_rs::proto::plugin::ConnInfo;
use tfplugin_rs::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplugin_rs::proto::plugin::stdio_data::Channel;
use tfplugin_rs::proto::tfplugin6::{DynamicValue, get_provider_schema, read_data_source};

use crate::terraform::{Running, apply};

fn read(bytes: usize) -> read_data_source::Request {
    let config = DynamicValue {
        msgpack: vec![7; bytes].into(),
        json: Vec::new().into(),
    };
    read_data_source::Request {
        config: Some(config),
        ..Default::default()
    }
}

#[tokio::test]
async fn sixty_four_mebibytes_pass_both_ways() {
    const SIZE: usize = 64 << 20;
    let running = Running::start(&[]).await;
    let answer = running
        .provider()
        .await
        .read_data_source(read(SIZE))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().state.unwrap().msgpack, vec![7; SIZE]);
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_the_rest_go_on() {
    let running = Running::start(&[("BARE_LIMIT_BYTES", "100000")]).await;
    let mut provider = running.provider().await;
    let refused = provider.read_data_source(read(100_001)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::OutOfRange, "{refused}");
    provider.read_data_source(read(90_000)).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_one_diagnostic_and_one_log_line() {
    let running = Running::start(&[]).await;
    let mut provider = running.provider().await;
    let answer = provider
        .apply_resource_change(apply("bare_panic"))
        .await
        .unwrap()
        .into_inner();
    let summaries: Vec<_> = answer
        .diagnostics
        .iter()
        .map(|d| d.summary.as_str())
        .collect();
    assert_eq!(summaries, ["the provider panicked: no shelf for ***"]);

    let line = running.stderr.first_with("panic").await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["@level"], "error");
    assert_eq!(line["@message"], "panic: no shelf for ***");
    assert!(
        line["location"].as_str().unwrap().contains("bare.rs"),
        "{line}"
    );

    let answer = provider
        .apply_resource_change(apply("bare_thing"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.private, "applied");
    assert_eq!(running.stderr.all().len(), 1);
}

#[tokio::test]
async fn every_line_on_stderr_is_json_without_secrets() {
    let mut running = Running::start(&[("TF_LOG_PROVIDER_BARE", "TRACE")]).await;
    let mut provider = running.provider().await;
    provider
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap();
    running.shut_down(running.channel().await).await;
    running.ended().await;

    let schema = running.stderr.first_with("\"schema\"").await;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["secret"], "***");
    assert_eq!(schema["@level"], "debug");
    assert_eq!(schema["@module"], "tfplugin_bare_provider");
    for line in running.stderr.all() {
        let line: Value = serde_json::from_str(&line).unwrap();
        for key in ["@level", "@message", "@module", "@timestamp"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
    }
}

#[tokio::test]
async fn what_is_printed_reaches_the_client_and_nobody_else() {
    const SIZE: usize = 1 << 20;
    let running = Running::start(&[]).await;
    let channel = running.channel().await;
    let stdio = GrpcStdioClient::new(channel)
        .stream_stdio(())
        .await
        .unwrap();
    let mut stdio = stdio.into_inner();
    let mut provider = running.provider().await;
    let printing = tokio::spawn(async move {
        let answer = provider.apply_resource_change(apply("bare_loud")).await;
        answer.unwrap().into_inner().private
    });
    let mut heard = Vec::new();
    while heard.len() < SIZE {
        let piece = stdio
            .message()
            .await
            .unwrap()
            .expect("the stream stays open");
        assert_eq!(piece.channel(), Channel::Stdout);
        heard.extend(piece.data);
    }
    assert!(heard[..SIZE - 1].iter().all(|&byte| byte == b'x'));
    assert_eq!(heard[SIZE - 1..], *b"\n");
    assert_eq!(printing.await.unwrap(), "printed");
    assert_eq!(running.stdout.all().len(), 1, "the handshake line alone");
}

#[tokio::test]
async fn printing_without_a_listener_holds_up_nobody() {
    let running = Running::start(&[]).await;
    let mut provider = running.provider().await;
    // Far more than the pipe and the pieces that wait for a listener.
    for _ in 0..8 {
        let answer = provider.apply_resource_change(apply("bare_loud")).await;
        assert_eq!(answer.unwrap().into_inner().private, "printed");
    }
}

#[tokio::test]
async fn a_malformed_message_fails_its_own_call_only() {
    let running = Running::start(&[]).await;
    let mut grpc = tonic::client::Grpc::new(running.channel().await);
    grpc.ready().await.unwrap();
    // A number where the request has a name.
    let malformed = ConnInfo {
        service_id: 7,
        ..Default::default()
    };
    let codec = tonic_prost::ProstCodec::<ConnInfo, ConnInfo>::default();
    let path = "/tfplugin6.Provider/ApplyResourceChange".parse().unwrap();
    let refused = grpc
        .unary(tonic::Request::new(malformed), path, codec)
        .await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Internal);
    let mut provider = running.provider().await;
    provider
        .apply_resource_change(apply("bare_thing"))
        .await
        .unwrap();
}

#[tokio::test]
async fn calls_in_parallel_get_their_own_answers() {
    let running = Running::start(&[]).await;
    let clients = [running.provider().await, running.provider().await];
    let calls = (0..200_usize).map(|i| {
        let mut client = clients[i % 2].clone();
        async move {
            // From less than one frame to many.
            let config = DynamicValue {
                msgpack: vec![u8::try_from(i % 251).unwrap(); i * 997].into(),
                ..Default::default()
            };
            let request = read_data_source::Request {
                config: Some(config.clone()),
                ..Default::default()
            };
            let answer = client.read_data_source(request).await.unwrap();
            assert_eq!(answer.into_inner().state, Some(config), "of call {i}");
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn calls_that_are_given_up_leave_nothing_behind() {
    let mut running = Running::start(&[("TF_LOG", "INFO")]).await;
    let mut provider = running.provider().await;
    for _ in 0..20 {
        let mut second = provider.clone();
        let call =
            tokio::spawn(async move { second.apply_resource_change(apply("bare_stuck")).await });
        // Some are given up before they are heard of, some while they run.
        tokio::task::yield_now().await;
        call.abort();
        let answer = provider.apply_resource_change(apply("bare_thing")).await;
        assert_eq!(answer.unwrap().into_inner().private, "applied");
    }
    // Nothing is left that a shutdown would have to wait for.
    running.shut_down(running.channel().await).await;
    assert!(running.ended().await.success());
    let log = running.stderr.all().concat();
    assert!(!log.contains("ended with calls still open"), "{log}");
}
