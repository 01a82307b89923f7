//! Where a campaign takes place: agents, members of etcd, networks and disks between and below them,
//! all made here and all gone with this value.
//!
//! ```text
//!   this process: clients, proxies, the one who makes faults
//!        │ bridge: .1 management  .2 pair's proxies  .3 store's proxies  .4 clients' proxies
//!   ┌────┴────┬─────────┬─────────┬─────────┐         a network namespace each
//! agent .11 agent .12 etcd .21  etcd .22  etcd .23
//!   │         │
//! ext4 of a few hundred MiB, in a mount namespace of its own
//! ```
//!
//! Every process ends when the thread that started it ends, be it by a signal; namespaces left by a
//! campaign that was killed are removed by the next one.

mod clock;
pub(crate) mod disk;
pub(crate) mod etcd;
pub(crate) mod lab;
pub(crate) mod node;
mod settings;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use acceptance::debian;
use acceptance::poll;
use anyhow::Result;
use tokio::runtime::Handle;

use self::etcd::{CLIENT_PORT, Etcd, MEMBERS};
use self::lab::{Lab, Party, Room};
use self::node::{AMQP_PORT, Node, REPLICATION_PORT, has_failed};
use crate::proxy::Proxy;

/// Size of a node's disk. A quarter of it is kept free by default, as of every disk.
const DISK_MIB: u64 = 768;

/// Longest wait for all nodes to work after all faults are over.
const HEALED: Duration = Duration::from_secs(90);

/// Everything between the clients and the bytes on disk.
pub(crate) struct Stage {
    // In the order in which they are to go: networks last.
    pub(crate) nodes: Vec<Node>,
    pub(crate) etcd: Option<Etcd>,
    /// The way of clients to each node.
    pub(crate) clients: Vec<Proxy>,
    /// The way of the other node to each node.
    pub(crate) pair: Vec<Proxy>,
    /// The way of nodes to each member of etcd.
    pub(crate) store: Vec<Proxy>,
    pub(crate) lab: Lab,
    pub(crate) runtime: Handle,
    seed: u64,
}

impl Stage {
    /// Makes a stage of one agent, or of two with etcd, in `dir`, with a broker that serves; `None`
    /// if it needs what is left out by name.
    pub(crate) fn build(
        dir: &Path,
        pair: bool,
        seed: u64,
        runtime: &Handle,
    ) -> Result<Option<Self>> {
        let count = if pair { 2 } else { 1 };
        if !debian::strace()? || (pair && !debian::etcd()?) {
            return Ok(None);
        }
        let mut rooms: Vec<_> = (0..count).map(Room::Agent).collect();
        rooms.extend((0..MEMBERS).filter(|_| pair).map(Room::Etcd));
        let Some(lab) = Lab::build(&rooms)? else {
            return Ok(None);
        };
        let mut stage = Self {
            nodes: Vec::new(),
            etcd: None,
            clients: Vec::new(),
            pair: Vec::new(),
            store: Vec::new(),
            lab,
            runtime: runtime.clone(),
            seed,
        };
        stage.add_proxies(count)?;
        if pair {
            stage.etcd = Some(Etcd::start(&stage.lab, dir.join("etcd"))?);
        }
        stage.add_nodes(dir, count)?;
        stage.create_brokers()?;
        Ok(Some(stage))
    }

    fn add_proxies(&mut self, count: usize) -> Result<()> {
        let agents = (0..count).map(Room::Agent);
        let pairs = count > 1;
        for (index, room) in agents.enumerate() {
            let clients = self.proxy(Party::Clients, index, room, AMQP_PORT)?;
            self.clients.push(clients);
            if pairs {
                let pair = self.proxy(Party::Pair, index, room, REPLICATION_PORT)?;
                self.pair.push(pair);
            }
        }
        for index in (0..MEMBERS).filter(|_| pairs) {
            let member = self.proxy(Party::Store, index, Room::Etcd(index), CLIENT_PORT)?;
            self.store.push(member);
        }
        Ok(())
    }

    /// A proxy at a party's address, of a port for each target.
    fn proxy(&self, party: Party, index: usize, room: Room, port: u16) -> Result<Proxy> {
        let source = self.lab.party(party);
        let address = SocketAddr::new(source, 10_000 + index as u16);
        let target = SocketAddr::new(self.lab.address(room), port);
        self.runtime.block_on(Proxy::start(address, source, target))
    }

    fn add_nodes(&mut self, dir: &Path, count: usize) -> Result<()> {
        let shared = dir.join("shared");
        let agents = (0..count).map(|index| self.lab.address(Room::Agent(index)));
        let mut hosts: Vec<_> = agents.map(|address| address.to_string()).collect();
        hosts.push(self.lab.party(Party::Pair).to_string());
        node::init(&shared, &hosts)?;
        for index in 0..count {
            let own = dir.join(format!("agent{}", index + 1));
            let mut node = Node::prepare(&self.lab, index, own, &shared, DISK_MIB)?;
            node.start(&self.lab)?;
            self.nodes.push(node);
        }
        Ok(())
    }

    /// Where clients connect, by node.
    pub(crate) fn client_addresses(&self) -> Vec<SocketAddr> {
        self.clients.iter().map(Proxy::address).collect()
    }

    /// Whether it is a pair.
    pub(crate) fn is_pair(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Index of the node that serves, once there is one.
    pub(crate) fn active(&self) -> Result<usize> {
        if !self.is_pair() {
            return Ok(0);
        }
        poll::until("a node to be active", HEALED, || {
            Ok((0..self.nodes.len()).find(|index| self.is_active(*index)))
        })
    }

    /// Ends all faults: networks, proxies, frozen and dead processes, full and failing disks. What
    /// comes back is waited for by [`wait_until_whole`](Self::wait_until_whole).
    pub(crate) fn heal(&mut self) -> Result<()> {
        for proxy in self.clients.iter().chain(&self.pair).chain(&self.store) {
            proxy.delay(Duration::ZERO);
        }
        for index in 0..self.nodes.len() {
            self.lab.mend(Room::Agent(index))?;
            let node = &mut self.nodes[index];
            node.freeze(false)?;
            node.clock.step(0)?;
            node.let_sync()?;
            node.disk.free()?;
            if !node.is_running()? {
                node.spawn(&self.lab)?;
            }
        }
        if let Some(etcd) = &mut self.etcd {
            for index in etcd.dead() {
                etcd.run(&self.lab, index)?;
            }
            for index in 0..MEMBERS {
                etcd.freeze(index, false)?;
            }
        }
        Ok(())
    }

    /// Does what an operator does: has a broker whose disk failed opened again.
    pub(crate) fn repair(&self) {
        self.runtime.block_on(async {
            for node in &self.nodes {
                if let Ok(broker) = node.agent.broker().await
                    && has_failed(&broker)
                {
                    // Whether that worked is seen the next time.
                    let _ = node.agent.restart_broker().await;
                }
            }
        });
    }

    /// Waits until one node serves and, of a pair, the other is in sync. Processes that ended by
    /// themselves are started again.
    pub(crate) fn wait_until_whole(&mut self) -> Result<()> {
        poll::until("all nodes to be in sync", HEALED, || {
            for index in 0..self.nodes.len() {
                if !self.nodes[index].is_running()? {
                    self.nodes[index].spawn(&self.lab)?;
                }
            }
            self.repair();
            let whole = self.runtime.block_on(self.is_whole());
            Ok(whole.unwrap_or(false).then_some(()))
        })
    }

    async fn is_whole(&self) -> Result<bool> {
        let (mut run, mut replicated) = (true, 0);
        for node in &self.nodes {
            let broker = node.agent.broker().await?;
            run &= settings::runs(&broker);
            replicated += usize::from(settings::is_replicated(&broker));
        }
        Ok(run && (!self.is_pair() || replicated == 1))
    }
}
