//! A road to the agent that can be cut: after a request was let through, before its answer comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Forwards connections to one address.
pub(crate) struct Proxy {
    address: String,
    mode: Arc<AtomicU8>,
    /// Connections that are still to be turned away.
    turned_away: Arc<AtomicUsize>,
}

const PASS: u8 = 0;
const LOSE_ANSWER: u8 = 1;
const LOSE_ANSWER_AND_CLOSE: u8 = 2;
const CLOSED: u8 = 3;

impl Proxy {
    /// In front of `agent`, until the test's runtime ends.
    pub(crate) async fn start(agent: &str) -> Self {
        Self::turning_away(0, agent).await
    }

    /// The same, but the first connections are closed without a word, as long as the agent behind
    /// it boots, so to speak.
    pub(crate) async fn turning_away(first: usize, agent: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = Arc::new(AtomicU8::new(PASS));
        let turned_away = Arc::new(AtomicUsize::new(first));
        let (agent, shared, left) = (
            agent.to_owned(),
            Arc::clone(&mode),
            Arc::clone(&turned_away),
        );
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let less = |left: usize| left.checked_sub(1);
                let turn_away = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
                if turn_away.is_err() && shared.load(Ordering::SeqCst) != CLOSED {
                    tokio::spawn(forward(client, agent.clone(), Arc::clone(&shared)));
                }
            }
        });
        Self {
            address,
            mode,
            turned_away,
        }
    }

    /// How many are still to be turned away.
    pub(crate) fn left_to_turn_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The agent's next words are lost, with their connection. New connections pass.
    pub(crate) fn lose_answer(&self) {
        self.mode.store(LOSE_ANSWER, Ordering::SeqCst);
    }

    /// The agent's next words are lost, with their connection and all later ones.
    pub(crate) fn lose_answer_and_close(&self) {
        self.mode.store(LOSE_ANSWER_AND_CLOSE, Ordering::SeqCst);
    }

    /// Everything passes again.
    pub(crate) fn open(&self) {
        self.mode.store(PASS, Ordering::SeqCst);
    }
}

async fn forward(client: TcpStream, agent: String, mode: Arc<AtomicU8>) {
    let server = TcpStream::connect(agent).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut answer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from_server.read(&mut answer).await {
        let next = match mode.load(Ordering::SeqCst) {
            LOSE_ANSWER => PASS,
            LOSE_ANSWER_AND_CLOSE => CLOSED,
            _ if to_client.write_all(&answer[..length]).await.is_ok() => continue,
            _ => break,
        };
        mode.store(next, Ordering::SeqCst);
        break;
    }
    requests.abort();
}
