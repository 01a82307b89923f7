//! Every way a provider process ends, and some in which it must not.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tfplugin_rs::proto::tfplugin6::{get_provider_schema, stop_provider};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::terraform::{COOKIE, Running, apply, poll, send_signal};

#[tokio::test]
async fn a_stop_lets_the_apply_in_flight_finish() {
    let running = Running::start(&[("TF_LOG", "INFO")]).await;
    let mut provider = running.provider().await;
    let mut second = provider.clone();
    let applying =
        tokio::spawn(async move { second.apply_resource_change(apply("bare_slow")).await });
    running.stderr.first_with("apply is waiting").await;

    provider
        .stop_provider(stop_provider::Request {})
        .await
        .unwrap();
    let applied = applying.await.unwrap().unwrap().into_inner();
    assert_eq!(applied.private, "stopped, then finished");
    assert!(applied.new_state.is_some());

    // Terraform goes on to close what it opened: the server is still there.
    provider
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap();
}

#[tokio::test]
async fn interrupts_of_the_process_group_are_ignored() {
    let mut running = Running::start(&[]).await;
    let mut provider = running.provider().await;
    for signal in ["INT", "HUP", "INT"] {
        running.signal(signal).await;
        provider
            .get_provider_schema(get_provider_schema::Request {})
            .await
            .unwrap();
    }
    assert!(running.child.try_wait().unwrap().is_none());
}

#[tokio::test]
async fn a_termination_answers_what_is_in_flight_first() {
    let mut running = Running::start(&[("TF_LOG", "INFO")]).await;
    let mut provider = running.provider().await;
    let applying =
        tokio::spawn(async move { provider.apply_resource_change(apply("bare_slow")).await });
    running.stderr.first_with("apply is waiting").await;

    running.signal("TERM").await;
    let applied = applying.await.unwrap().unwrap().into_inner();
    assert_eq!(applied.private, "stopped, then finished");
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn a_stuck_call_cannot_hold_up_a_shutdown() {
    let mut running = Running::start(&[("TF_LOG", "INFO")]).await;
    let channel = running.channel().await;
    let mut provider = running.provider().await;
    let stuck =
        tokio::spawn(async move { provider.apply_resource_change(apply("bare_stuck")).await });
    running.stderr.first_with("apply is waiting").await;

    let asked = Instant::now();
    running.shut_down(channel).await;
    assert!(running.ended().await.success());
    // Terraform would kill it after two seconds, and the socket would stay.
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    stuck.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn the_last_connection_takes_the_process_with_it() {
    let mut running = Running::start(&[("BARE_UNUSED_MS", "1000")]).await;
    let first = running.channel().await;
    let second = running.channel().await;
    drop(first);
    sleep(Duration::from_millis(1500)).await;
    assert!(
        running.child.try_wait().unwrap().is_none(),
        "one connection was still open"
    );
    drop(second);
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn a_client_that_never_comes_is_not_waited_for() {
    let mut running = Running::start(&[("BARE_UNUSED_MS", "200")]).await;
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn the_parents_death_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let printed = directory.path().join("stdout");
    // The shell stands for Terraform: it starts the provider and is then killed.
    let mut parent = Command::new("sh")
        .args(["-c", r#""$0" >"$1" 2>/dev/null & echo $! >"$2"; wait"#])
        .arg(env!("CARGO_BIN_EXE_tfplugin-bare-provider"))
        .arg(&printed)
        .arg(directory.path().join("pid"))
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
        .env_remove("PLUGIN_CLIENT_CERT")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let line = || fs::read_to_string(&printed).unwrap_or_default();
    poll(|| line().ends_with('\n'), "the handshake line").await;
    let line = line();
    let socket = Path::new(line.split('|').nth(3).unwrap());
    let pid: u32 = fs::read_to_string(directory.path().join("pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();

    // An open connection is no reason to stay.
    let _connection = tokio::net::UnixStream::connect(socket).await.unwrap();
    send_signal("KILL", parent.id().unwrap()).await;
    parent.wait().await.unwrap();
    poll(|| !running(pid), "the orphan's end").await;
    assert!(!socket.parent().unwrap().exists());
}

/// Whether the process runs: present, and no zombie that nobody has reaped.
fn running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}
