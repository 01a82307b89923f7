//! Drives one session over one stream.
//!
//! A turn is: write what is there, then take the first thing that happened (an order to stop, a
//! ring of the doorbell, bytes, a deadline), tell the session, and go round. All frames of one read
//! are one batch for the session, and all it answers is one write.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use broker_core::broker::PasswordCheck;
use broker_core::session::amqp091::Session;
use broker_core::session::{Output, Step};
use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_util::io::{poll_read_buf, poll_write_buf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::admission::Admission;
use crate::brake::{Brake, Flow};
use crate::buffers;
use crate::doorbell::Doorbell;
use crate::server::Shared;

/// Bytes asked for in one read before the login.
const FIRST_READ_BYTES: usize = 4 * 1024;
/// The same after it: from the first number on, up to the second for a peer that fills every read,
/// since a turn with more in it costs less for each message. Who sends little keeps a small buffer.
const READ_BYTES: usize = 64 * 1024;
const MOST_READ_BYTES: usize = 256 * 1024;

/// Bytes of output above which nothing more is read from the peer.
const OUTPUT_BYTES: usize = 1024 * 1024;

/// How long the last bytes may take, and how long we listen to what a peer still has to say: a
/// socket closed with unread bytes resets, and the peer would lose our last words.
const LINGER: Duration = Duration::from_secs(2);

/// How often to look again when nothing else is due.
const FAR_OFF: Duration = Duration::from_secs(3600);

/// One connection under way.
pub(crate) struct Driver<S> {
    stream: S,
    session: Session,
    doorbell: Doorbell,
    admission: Admission,
    shared: Arc<Shared>,
    input: BytesMut,
    /// Bytes to ask for in the next read.
    read_bytes: usize,
    output: Output,
    /// Written bytes may still sit in the stream's own buffer (TLS).
    unflushed: bool,
    /// When the peer last took bytes, or when there began to be some.
    written: Instant,
    /// The peer left bytes waiting when they were last offered to it.
    waiting: bool,
    login_deadline: Option<Instant>,
}

/// The first thing that happened.
enum Happened {
    /// Bytes came; none is the end.
    Read(usize),
    /// The doorbell rang, or all output was written and the session may have more.
    Rung,
    Stop,
    Tick,
}

/// What to wait on besides the stream; pinned once per connection.
struct Timers<'p, 'b> {
    sleep: Pin<&'p mut Sleep>,
    stop: Pin<&'p mut WaitForCancellationFutureOwned>,
    /// The order to stop was passed on; it is not looked at again.
    stopped: bool,
    brake: &'b Brake,
    /// A change of the brake, since it was last looked at.
    braked: Pin<&'p mut Notified<'b>>,
}

impl Timers<'_, '_> {
    /// What may be done in this turn. If not everything, the task is woken when that changes.
    fn poll_flow(&mut self, context: &mut Context<'_>) -> Flow {
        // Who was told to go says its last words.
        while !self.stopped {
            let flow = self.brake.flow();
            if flow == Flow::On || self.braked.as_mut().poll(context).is_pending() {
                return flow;
            }
            self.braked.set(self.brake.changed().notified());
        }
        Flow::On
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(crate) fn new(
        stream: S,
        session: Session,
        doorbell: Doorbell,
        admission: Admission,
        shared: Arc<Shared>,
        login_deadline: Instant,
    ) -> Self {
        Self {
            stream,
            session,
            doorbell,
            admission,
            shared,
            input: BytesMut::new(),
            read_bytes: READ_BYTES,
            output: Output::default(),
            unflushed: false,
            written: Instant::now(),
            waiting: false,
            login_deadline: Some(login_deadline),
        }
    }

    /// Goes on until either side has had enough.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let sleep = pin!(sleep_until(Instant::now() + FAR_OFF));
        let stop = pin!(self.shared.stop.clone().cancelled_owned());
        let brake = self.shared.brake.clone();
        let braked = pin!(brake.changed().notified());
        let mut timers = Timers {
            sleep,
            stop,
            stopped: false,
            brake: &brake,
            braked,
        };
        loop {
            let deadline = self.deadline();
            if deadline < timers.sleep.deadline() {
                timers.sleep.as_mut().reset(deadline);
            }
            let happened = poll_fn(|context| self.poll_turn(context, &mut timers)).await?;
            let now = Instant::now();
            if self.output.is_empty() {
                self.written = now;
                buffers::prepare_output(self.output.buffer());
            }
            if let Happened::Tick = happened {
                timers.sleep.as_mut().reset(now + FAR_OFF);
            }
            let step = match self.react(happened, now)? {
                Step::Authenticate(check) => self.authenticate(check).await,
                step => step,
            };
            self.release_output();
            if self.login_deadline.is_some() && self.session.is_open() {
                self.login_deadline = None;
                self.admission.opened();
            }
            if let Step::Close = step {
                return self.linger().await;
            }
        }
    }

    /// Tells the session what happened.
    fn react(&mut self, happened: Happened, now: Instant) -> io::Result<Step> {
        let Self {
            session,
            input,
            output,
            ..
        } = self;
        Ok(match happened {
            // The peer will send no more, but may still read what we have for it.
            Happened::Read(0) => Step::Close,
            Happened::Read(_) => session.on_bytes(now.into_std(), input, output),
            Happened::Rung => session.on_wake(now.into_std(), input, output),
            Happened::Stop => {
                // What is left may be what was not to go out any more, and words cannot follow the
                // half of a frame.
                if self.shared.brake.flow() == Flow::Paused && !output.is_empty() {
                    let held_back = "the broker does not lead any more";
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, held_back));
                }
                let broken = self.shared.broker.stopped().is_some();
                let reason = if broken {
                    "journal failure"
                } else {
                    "shutdown"
                };
                session.stop(now.into_std(), reason, output)
            }
            Happened::Tick => self.on_tick(now)?,
        })
    }

    /// Writes and flushes all it can, then looks for the first thing that happened.
    fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        timers: &mut Timers<'_, '_>,
    ) -> Poll<io::Result<Happened>> {
        let flow = timers.poll_flow(context);
        if flow != Flow::Paused
            && let Poll::Ready(true) = self.poll_write(context)?
        {
            if flow == Flow::Draining {
                timers.brake.note_sent();
            }
            return Poll::Ready(Ok(Happened::Rung));
        }
        if !timers.stopped && timers.stop.as_mut().poll(context).is_ready() {
            timers.stopped = true;
            return Poll::Ready(Ok(Happened::Stop));
        }
        if flow == Flow::Paused {
            return Poll::Pending;
        }
        if self.doorbell.poll_rung(context).is_ready() {
            return Poll::Ready(Ok(Happened::Rung));
        }
        if flow == Flow::On
            && self.reads()
            && let Poll::Ready(read) = self.poll_read(context)
        {
            return Poll::Ready(read.map(Happened::Read));
        }
        timers
            .sleep
            .as_mut()
            .poll(context)
            .map(|()| Ok(Happened::Tick))
    }

    /// Ready with true when there was output and all of it is gone, false when there was none.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let had_output = !self.output.is_empty();
        while !self.output.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let Poll::Ready(count) = poll_write_buf(stream, context, &mut self.output)? else {
                self.waiting = true;
                return Poll::Pending;
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.written = Instant::now();
            // Only then: the system takes much for a peer that is gone before it lets it wait.
            if std::mem::take(&mut self.waiting) {
                self.session.on_progress(self.written.into_std());
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        if had_output {
            self.release_output();
        }
        Poll::Ready(Ok(had_output))
    }

    fn release_output(&mut self) {
        if self.output.is_empty() {
            buffers::release_output(self.output.buffer());
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if !self.session.is_open() {
            // A stranger gets little, and no part in the thread's buffer.
            self.input.reserve(FIRST_READ_BYTES);
            return poll_read_buf(
                stream,
                context,
                &mut (&mut self.input).limit(FIRST_READ_BYTES),
            );
        }
        // A long frame in one piece: a body is kept where it was read.
        let missing = self.session.missing_bytes(&self.input);
        buffers::prepare_input(&mut self.input, self.read_bytes.max(missing));
        let read = poll_read_buf(stream, context, &mut self.input);
        match read {
            Poll::Pending => buffers::release_input(&mut self.input),
            Poll::Ready(Ok(count)) => self.read_bytes = next_read_bytes(self.read_bytes, count),
            Poll::Ready(Err(_)) => {}
        }
        read
    }

    fn reads(&self) -> bool {
        self.session.wants_input() && self.output.len() < OUTPUT_BYTES
    }

    /// The earliest of all deadlines.
    fn deadline(&self) -> Instant {
        let session = self.session.next_tick().map(Instant::from_std);
        let earliest = session
            .into_iter()
            .chain(self.write_deadline())
            .chain(self.login_deadline)
            .min();
        earliest.unwrap_or_else(|| Instant::now() + FAR_OFF)
    }

    /// When the peer must have taken something. Heartbeats decide sooner, as a rule, but it is the
    /// peer that chooses their interval.
    fn write_deadline(&self) -> Option<Instant> {
        let deadline = self.shared.options.deadlines.write;
        let patience = if self.session.has_heartbeat() {
            deadline * 10
        } else {
            deadline
        };
        (!self.output.is_empty()).then(|| self.written + patience)
    }

    fn on_tick(&mut self, now: Instant) -> io::Result<Step> {
        let timed_out = |what| Err(io::Error::new(io::ErrorKind::TimedOut, what));
        if self.login_deadline.is_some_and(|deadline| now >= deadline) {
            return timed_out("login took too long");
        }
        if self
            .write_deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            return timed_out("the peer does not read");
        }
        let deaf = !self.reads() || self.shared.brake.flow() != Flow::On;
        Ok(self.session.on_tick(now.into_std(), deaf, &mut self.output))
    }

    /// Has a password checked. The time that takes us is not the peer's.
    async fn authenticate(&mut self, check: PasswordCheck) -> Step {
        let began = Instant::now();
        let shared = &self.shared;
        let result = shared.logins.run(check, self.admission.address()).await;
        if let Err(refused) = &result {
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => {}
                () = sleep(refused.after) => {}
            }
        }
        let result = result.map_err(|refused| refused.refusal);
        let now = Instant::now();
        if let Some(deadline) = &mut self.login_deadline {
            *deadline += now - began;
        }
        self.session
            .on_authenticated(now.into_std(), result, &mut self.output)
    }

    /// Sends what is left, says that nothing follows, and waits a moment for the peer to do so too.
    async fn linger(self) -> io::Result<()> {
        let Self {
            mut stream,
            mut output,
            session,
            ..
        } = self;
        // Whatever the connection still held goes back to its queues now.
        drop(session);
        let goodbye = async {
            stream.write_all_buf(&mut output).await?;
            stream.shutdown().await?;
            let mut scratch = [0; 1024];
            while stream.read(&mut scratch).await? > 0 {}
            Ok(())
        };
        timeout(LINGER, goodbye).await.unwrap_or(Ok(()))
    }
}

/// Bytes to ask for after a read that asked for `asked` and got `count`.
fn next_read_bytes(asked: usize, count: usize) -> usize {
    if count >= asked {
        (asked * 2).min(MOST_READ_BYTES)
    } else if count < asked / 4 {
        (asked / 2).max(READ_BYTES)
    } else {
        asked
    }
}

#[cfg(test)]
mod tests;
