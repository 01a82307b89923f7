//! A cable between clients and a broker: it passes bytes on until it is cut.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::poll;

/// The broker hears of a cut at once; a busy machine may let it act later.
const NOTICED: Duration = Duration::from_secs(10);

/// A port of its own that leads to the broker's. Dropping it cuts it for good.
pub struct Cable {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    broker: String,
    /// Held while the cable is cut: new clients wait.
    cutting: Mutex<()>,
    /// Both ends of every connection, by a number for each.
    joined: Mutex<HashMap<u64, [TcpStream; 2]>>,
    dropped: AtomicBool,
}

impl Cable {
    /// Lays one to the broker's `host:port`. The broker need not listen all the time: whoever calls
    /// while it does not is hung up on.
    pub fn lay(broker: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind the cable")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            broker,
            cutting: Mutex::default(),
            joined: Mutex::default(),
            dropped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections without a word of AMQP, and waits until the broker has hung up as well.
    /// Only then new ones get through: a client that comes back at once must not meet what its own
    /// lost connection still holds.
    pub fn cut(&self) -> Result<()> {
        let _cutting = self.shared.cutting();
        for [client, _] in self.shared.joined().values() {
            hang_up(client);
        }
        poll::until("the broker to hang up", NOTICED, || {
            Ok(self.shared.joined().is_empty().then_some(()))
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::Release);
        self.shared.joined().values().flatten().for_each(hang_up);
        // Wakes the thread that accepts; if nobody is there any more, that is what we want.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn joined(&self) -> MutexGuard<'_, HashMap<u64, [TcpStream; 2]>> {
        self.joined
            .lock()
            .expect("nothing panics while it holds the lock")
    }

    fn cutting(&self) -> MutexGuard<'_, ()> {
        self.cutting
            .lock()
            .expect("nothing panics while it holds the lock")
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for (number, client) in (0..).zip(listener.incoming().map_while(Result::ok)) {
            if self.dropped.load(Ordering::Acquire) {
                return;
            }
            let _not_cutting = self.cutting();
            // A broker that is not there is what the client sees: its connection ends.
            let Ok(broker) = TcpStream::connect(&self.broker) else {
                continue;
            };
            let (Ok(one), Ok(other)) = (client.try_clone(), broker.try_clone()) else {
                continue;
            };
            self.joined().insert(number, [one, other]);
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.join(number, &[client, broker]));
        }
    }

    /// Passes bytes both ways until both ends are through.
    fn join(&self, number: u64, [client, broker]: &[TcpStream; 2]) {
        // Delays would be the cable's, and the broker's to blame.
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        thread::scope(|scope| {
            scope.spawn(|| pass_on(client, broker));
            pass_on(broker, client);
        });
        self.joined().remove(&number);
    }
}

/// Copies until one end is through, and tells the other.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    // Why it ended is the clients' business.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn hang_up(end: &TcpStream) {
    // An end that hung up already is what we want.
    let _ = end.shutdown(Shutdown::Both);
}
