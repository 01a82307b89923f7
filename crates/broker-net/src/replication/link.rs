//! One connection with another node, behind its preface: one conversation.

use std::io::{self, IoSlice};
use std::time::Duration;

use broker_core::replication::codec::{self, Encoded, HEAD_LEN, Head};
use broker_core::replication::frame::Peer;
use broker_core::replication::replica::Packet;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inbox::{Inbox, Item};

/// A peer that says nothing for so long is gone. The protocol notices much sooner where it matters;
/// this ends what it does not mind any more.
const IDLE: Duration = Duration::from_secs(60);

/// How long the last words may take after a conversation was ended.
const LINGER: Duration = Duration::from_secs(2);

/// Memory made for a frame before its bytes are there.
const FIRST_BYTES: usize = 1 << 20;

/// The sending end of a conversation. Dropping it ends the conversation after what was sent.
#[derive(Debug)]
pub(super) struct Link {
    /// What waits here is bounded by the replica, which has only a window of records on the way.
    outgoing: mpsc::UnboundedSender<Packet>,
    _open: DropGuard,
}

impl Link {
    /// The link, and what its connection's task needs of it.
    pub(super) fn new() -> (Self, Outgoing) {
        let (outgoing, packets) = mpsc::unbounded_channel();
        let dropped = CancellationToken::new();
        let link = Self {
            outgoing,
            _open: dropped.clone().drop_guard(),
        };
        (link, Outgoing { packets, dropped })
    }

    /// Sends a packet, or nothing if the connection is gone.
    pub(super) fn send(&self, packet: Packet) {
        // Its end is told by the connection's task.
        let _ = self.outgoing.send(packet);
    }
}

/// What is to be sent, and whether the [`Link`] is still there.
#[derive(Debug)]
pub(super) struct Outgoing {
    packets: mpsc::UnboundedReceiver<Packet>,
    dropped: CancellationToken,
}

impl Outgoing {
    /// Resolves when the link was dropped.
    pub(super) async fn dropped(&self) {
        self.dropped.cancelled().await;
    }
}

/// Tells of the end of a connection's task, however it comes.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) peer: Peer,
    pub(super) inbox: Inbox,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.inbox.push(Item::Ended(self.peer));
    }
}

/// Carries a conversation to its end, and says why it ended unless somebody wanted it.
pub(super) async fn run<S: AsyncRead + AsyncWrite>(
    stream: S,
    outgoing: Outgoing,
    ending: &Ending,
    most_records: usize,
) -> io::Result<()> {
    let (reading, writing) = tokio::io::split(stream);
    let Outgoing { packets, dropped } = outgoing;
    let overdue = async {
        dropped.cancelled().await;
        sleep(LINGER).await;
    };
    tokio::select! {
        // First what others wait for.
        biased;
        written = write(writing, packets) => written,
        read = read(reading, ending, most_records) => read,
        () = overdue => Ok(()),
    }
}

/// Hands on each packet. The end of the stream is no error.
async fn read(
    mut stream: impl AsyncRead + Unpin,
    ending: &Ending,
    most_records: usize,
) -> io::Result<()> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    loop {
        let Some((head, rest)) = timeout(IDLE, read_frame(&mut stream, most_records))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??
        else {
            return Ok(());
        };
        let len = HEAD_LEN + rest.len();
        let packet = codec::decode(&head, rest).map_err(invalid)?;
        ending.inbox.push_packet(ending.peer, packet, len).await;
    }
}

/// A frame's head and exactly the rest of it; `None` at the end of the stream.
pub(super) async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    most_records: usize,
) -> io::Result<Option<(Head, Vec<u8>)>> {
    let mut head = [0; HEAD_LEN];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[1..]).await?;
    let head = Head::parse(head, most_records)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut rest = Vec::with_capacity(head.rest().min(FIRST_BYTES));
    let mut body = stream.take(head.rest() as u64);
    if body.read_to_end(&mut rest).await? < head.rest() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((head, rest)))
}

/// Sends what there is to be sent, and says that nothing follows once the link was dropped.
async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut packets: mpsc::UnboundedReceiver<Packet>,
) -> io::Result<()> {
    while let Some(packet) = packets.recv().await {
        write_frame(&mut stream, &codec::encode(packet)).await?;
        if packets.is_empty() {
            stream.flush().await?;
        }
    }
    stream.shutdown().await
}

pub(super) async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &Encoded,
) -> io::Result<()> {
    let mut slices = frame.pieces().map(IoSlice::new);
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match stream.write_vectored(left).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => IoSlice::advance_slices(&mut left, count),
        }
    }
    Ok(())
}
