//! Who may talk to the provider's socket: the caller that started it, and nobody else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use acceptance::binaries;
use acceptance::process::Finished;
use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::plugin::{Caller, Plugin};

#[tokio::test]
async fn only_the_announced_certificate_is_let_in() -> Result<()> {
    let (caller, stranger) = (Caller::new()?, Caller::new()?);
    let plugin = Plugin::start(&caller)?;
    assert!(
        plugin.schema(None).await.is_err(),
        "a caller without certificate was let in"
    );
    let posing = plugin.schema(Some(&stranger)).await;
    assert!(
        posing.is_err(),
        "a caller with another certificate was let in"
    );

    let mut plain = UnixStream::connect(&plugin.socket).await?;
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await?;
    assert!(
        !answer.windows(4).any(|four| four == [0, 0, 4, 0]),
        "HTTP/2 in plaintext: {answer:?}"
    );

    let schema = plugin.schema(Some(&caller)).await?;
    assert!(
        schema.windows(13).any(|window| window == b"ferrymq_queue"),
        "no schema came"
    );
    Ok(())
}

#[test]
fn other_users_cannot_even_reach_the_socket() -> Result<()> {
    let plugin = Plugin::start(&Caller::new()?)?;
    let socket = Path::new(&plugin.socket);
    let folder = socket.parent().context("the socket has no folder")?;
    for path in [socket, folder] {
        let mode = fs::metadata(path)?.permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    Ok(())
}

#[test]
fn a_person_who_starts_the_provider_is_told_what_it_is() -> Result<()> {
    let mut by_hand = Command::new(binaries::provider()?);
    let told = Finished::run(by_hand.env_remove("TF_PLUGIN_MAGIC_COOKIE"))?.failure()?;
    assert!(told.stderr.to_lowercase().contains("terraform"), "{told}");
    assert_eq!(told.stdout, "");
    Ok(())
}
