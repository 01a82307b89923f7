//! The null broker: what a broker costs that does nothing but move the bytes.
//!
//! One thread, one copy, no features: a publish is echoed to the consumers of its queue, a message
//! without a consumer is dropped. It knows one channel per connection, one consumer per connection,
//! the default exchange and fan-out. With a journal it appends every content and calls `fdatasync`
//! once per round of its loop, before anything of that round leaves; without, it confirms at once.
//!
//! It is the yardstick: what a real broker needs beyond it is what its features cost.

mod connection;
mod journal;
mod methods;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use anyhow::Result;

pub use self::journal::Journal;

use self::connection::Connection;
use crate::poller::{Interest, Poller, Ready};

/// Unsent output above which publishers are not read, and below which they are again.
const HOLD_BYTES: usize = 1024 * 1024;
const RESUME_BYTES: usize = 256 * 1024;

const LISTENER: usize = usize::MAX;

/// The broker.
#[derive(Debug)]
pub struct NullBroker {
    listener: TcpListener,
    poller: Poller,
    connections: Vec<Option<Connection>>,
    topology: Topology,
    journal: Option<Journal>,
    /// Too much output waits for consumers: publishers are not read.
    held: bool,
}

/// Who gets what is published where.
#[derive(Debug, Default)]
struct Topology {
    /// Consumers by queue.
    consumers: HashMap<String, Vec<usize>>,
    /// Queues by exchange, the default exchange excepted.
    bound: HashMap<String, Vec<String>>,
    /// Changes with every change; routes found before are stale then.
    version: u64,
}

impl NullBroker {
    /// Serves what connects to the listener.
    pub fn new(listener: TcpListener, journal: Option<Journal>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            poller,
            connections: Vec::new(),
            topology: Topology::default(),
            journal,
            held: false,
        })
    }

    /// Goes on until the system fails it. A bad connection ends alone.
    pub fn run(mut self) -> Result<Infallible> {
        let mut ready = Vec::new();
        loop {
            self.poller.wait(None, &mut ready)?;
            for event in &ready {
                if event.token == LISTENER {
                    self.accept()?;
                } else {
                    self.serve(*event);
                }
            }
            if let Some(journal) = &mut self.journal {
                journal.commit()?;
            }
            self.flush();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let token = free.unwrap_or(self.connections.len());
            if token == self.connections.len() {
                self.connections.push(None);
            }
            self.poller.add(&stream, token)?;
            self.connections[token] = Some(Connection::new(stream));
        }
    }

    fn serve(&mut self, event: Ready) {
        let Some(mut connection) = self.connections[event.token].take() else {
            return;
        };
        let mut alive = true;
        if event.readable && !(self.held && connection.publishes()) {
            alive = connection.read(
                event.token,
                &mut self.connections,
                &mut self.topology,
                self.journal.as_mut(),
            );
        }
        if alive {
            self.connections[event.token] = Some(connection);
        } else {
            self.topology.forget(event.token);
        }
    }

    /// Confirms what was published and writes what there is to write.
    fn flush(&mut self) {
        let mut waiting = 0;
        for (token, slot) in self.connections.iter_mut().enumerate() {
            let Some(connection) = slot else { continue };
            connection.confirm();
            if connection.flush().is_err() {
                *slot = None;
                self.topology.forget(token);
                continue;
            }
            waiting += connection.waiting();
        }
        self.held = if self.held {
            waiting > RESUME_BYTES
        } else {
            waiting > HOLD_BYTES
        };
        for (token, slot) in self.connections.iter_mut().enumerate() {
            let Some(connection) = slot else { continue };
            let interest = Interest {
                read: !(self.held && connection.publishes()),
                write: connection.waiting() > 0,
            };
            if connection.watch(&self.poller, token, interest).is_err() {
                *slot = None;
                self.topology.forget(token);
            }
        }
    }
}

impl Topology {
    /// Consumers of what is published like this.
    fn route(&self, exchange: &str, key: &str) -> Vec<usize> {
        let of = |queue: &str| self.consumers.get(queue).map_or(&[][..], Vec::as_slice);
        if exchange.is_empty() {
            return of(key).to_vec();
        }
        let queues = self.bound.get(exchange).map_or(&[][..], Vec::as_slice);
        queues.iter().flat_map(|queue| of(queue)).copied().collect()
    }

    fn consume(&mut self, queue: &str, token: usize) {
        self.consumers
            .entry(queue.to_owned())
            .or_default()
            .push(token);
        self.version += 1;
    }

    fn bind(&mut self, queue: &str, exchange: &str) {
        let queues = self.bound.entry(exchange.to_owned()).or_default();
        if !queues.iter().any(|bound| bound == queue) {
            queues.push(queue.to_owned());
        }
        self.version += 1;
    }

    fn delete(&mut self, queue: &str) {
        self.consumers.remove(queue);
        for queues in self.bound.values_mut() {
            queues.retain(|bound| bound != queue);
        }
        self.version += 1;
    }

    fn forget(&mut self, token: usize) {
        for consumers in self.consumers.values_mut() {
            consumers.retain(|consumer| *consumer != token);
        }
        self.version += 1;
    }
}

#[cfg(test)]
mod tests;
