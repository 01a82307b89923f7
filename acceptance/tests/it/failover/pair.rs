//! Two agents on loopback that keep one broker, with a directory as their coordination store, and a
//! socket by which a client has the active one killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::{poll, ports};
use agent_api::Client;
use agent_api::v1::password::Form;
use agent_api::v1::{
    Broker, Coordination, CreateBrokerRequest, FileStore, GetBrokerRequest, Listener, Password,
    Permission, PutPermissionRequest, PutUserRequest, Replication, ReplicationNode,
    ReplicationState, ReplicationStatus, User, coordination,
};
use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::management::with_agent;

const BROKER: &str = "pair";

/// Longest wait for a pair to be in sync, or for one node of it to be active.
const IN_SYNC: Duration = Duration::from_secs(60);

/// The pair. Dropping it ends everything.
pub(crate) struct Pair {
    shared: Arc<Shared>,
    control: u16,
    controlling: Option<JoinHandle<()>>,
    _store: TempDir,
}

struct Shared {
    agents: Mutex<[Agent; 2]>,
    amqp: [u16; 2],
    dropped: AtomicBool,
}

impl Pair {
    /// Starts both agents, makes the broker on each and waits until they are in sync.
    pub(crate) fn start() -> Result<Self> {
        let store = tempfile::tempdir()?;
        let mut first = Agent::init_node(None)?;
        let mut second = Agent::init_node(Some(&first))?;
        let mut amqp = [0; 2];
        for (amqp, agent) in amqp.iter_mut().zip([&mut first, &mut second]) {
            *amqp = ports::free()?;
            let health = format!("[http]\nlisten = \"127.0.0.1:{}\"", ports::free()?);
            agent.configure("[http]\nlisten = \"none\"", &health)?;
            agent.restart()?;
        }
        let agents = [first, second];
        let nodes: Vec<_> = (0..2)
            .map(|index| ReplicationNode {
                id: index as u32 + 1,
                name: format!("node{}", index + 1),
                agent: agents[index].endpoint(),
                replication: agents[index].replication().to_owned(),
            })
            .collect();
        for (index, agent) in agents.iter().enumerate() {
            let broker = broker(amqp[index], index as u32 + 1, &nodes, &store);
            let request = CreateBrokerRequest {
                broker: Some(broker),
                ..Default::default()
            };
            with_agent(agent, async |client| {
                client.call(client.brokers().create_broker(request)).await?;
                Ok(())
            })?;
        }
        let shared = Arc::new(Shared {
            agents: Mutex::new(agents),
            amqp,
            dropped: AtomicBool::new(false),
        });
        let active = shared.wait_in_sync()?;
        with_agent(&shared.agents()[active], add_user)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let control = listener.local_addr()?.port();
        let serving = Arc::clone(&shared);
        Ok(Self {
            shared,
            control,
            controlling: Some(thread::spawn(move || serving.serve(&listener))),
            _store: store,
        })
    }

    /// URIs of the virtual host on each node, of which one serves.
    pub(crate) fn uris(&self) -> [String; 2] {
        let uri = |port| format!("amqp://app:app@127.0.0.1:{port}/%2f");
        self.shared.amqp.map(uri)
    }

    /// `host:port` of the control socket.
    pub(crate) fn control(&self) -> String {
        format!("127.0.0.1:{}", self.control)
    }

    /// Index of the node that serves.
    pub(crate) fn active(&self) -> Result<usize> {
        self.shared.active()
    }

    /// Kills the node that serves, as a crash would; tells its index.
    pub(crate) fn kill_active(&self) -> Result<usize> {
        self.shared.kill_active()
    }

    /// Starts a killed node again and waits until both are in sync.
    pub(crate) fn restart(&self, index: usize) -> Result<()> {
        self.shared.agents()[index].restart()?;
        self.shared.wait_in_sync().map(drop)
    }

    /// URL of each node's health check for load balancers.
    pub(crate) fn health_urls(&self) -> Result<[String; 2]> {
        let agents = self.shared.agents();
        let url = |index: usize| {
            let status = look(&agents[index])?.status.context("no status")?;
            ensure!(!status.health_url.is_empty(), "no health check");
            Ok(status.health_url)
        };
        Ok([url(0)?, url(1)?])
    }

    /// The authority that certified both.
    pub(crate) fn ca(&self) -> Result<String> {
        Ok(fs::read_to_string(self.shared.agents()[0].ca())?)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::Release);
        // Wakes the thread that waits for clients, which holds the agents.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control));
        if let Some(controlling) = self.controlling.take() {
            let _ = controlling.join();
        }
    }
}

impl Shared {
    fn agents(&self) -> MutexGuard<'_, [Agent; 2]> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one node serves and says that all are in sync; tells its index.
    fn wait_in_sync(&self) -> Result<usize> {
        poll::until("the pair to be in sync", IN_SYNC, || {
            let whole = |status: &Option<ReplicationStatus>| {
                status.as_ref().is_some_and(|status| {
                    status.state() == ReplicationState::ActiveReplicated
                        && status.nodes.iter().all(|node| node.in_sync)
                })
            };
            Ok(self.statuses().iter().position(whole))
        })
    }

    fn active(&self) -> Result<usize> {
        use ReplicationState::{ActiveAlone, ActiveReplicated};
        poll::until("a node to be active", IN_SYNC, || {
            let active = |status: &Option<ReplicationStatus>| {
                let state = status.as_ref().map(ReplicationStatus::state);
                matches!(state, Some(ActiveAlone | ActiveReplicated))
            };
            Ok(self.statuses().iter().position(active))
        })
    }

    fn kill_active(&self) -> Result<usize> {
        let active = self.active()?;
        self.agents()[active].kill()?;
        Ok(active)
    }

    /// What each node says of itself, if it says anything.
    fn statuses(&self) -> [Option<ReplicationStatus>; 2] {
        let agents = self.agents();
        agents
            .each_ref()
            .map(|agent| Some(*look(agent).ok()?.status?.replication?))
    }

    /// Serves the control socket, one client after the other.
    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if self.dropped.load(Ordering::Acquire) {
                return;
            }
            let answer = match self.obey(&stream) {
                Ok(()) => "done".to_owned(),
                Err(error) => format!("{error:#}").replace('\n', " "),
            };
            // Who does not wait for the answer fails by itself.
            let _ = writeln!(&stream, "{answer}");
        }
    }

    fn obey(&self, stream: &TcpStream) -> Result<()> {
        let mut word = String::new();
        BufReader::new(stream).read_line(&mut word)?;
        match word.trim() {
            "kill" => self.kill_active().map(drop),
            word => bail!("`{word}` is no word of the control socket"),
        }
    }
}

fn look(agent: &Agent) -> Result<Broker> {
    let request = GetBrokerRequest {
        name: BROKER.to_owned(),
    };
    with_agent(agent, async |client| {
        Ok(client.call(client.brokers().get_broker(request)).await?)
    })
}

fn broker(amqp: u16, node: u32, nodes: &[ReplicationNode], store: &TempDir) -> Broker {
    let listener = Listener {
        address: "127.0.0.1".to_owned(),
        port: Some(amqp.into()),
        tls: Some(false),
        client_certificates: None,
    };
    let path = store.path().to_string_lossy().into_owned();
    let store = coordination::Store::File(FileStore { path });
    let replication = Replication {
        group: "f".repeat(32),
        nodes: nodes.to_vec(),
        node,
        founder: 1,
        coordination: Some(Coordination { store: Some(store) }),
        ..Default::default()
    };
    Broker {
        name: BROKER.to_owned(),
        listeners: [("amqp".to_owned(), listener)].into(),
        replication: Some(Box::new(replication)),
        ..Default::default()
    }
}

async fn add_user(client: &Client) -> Result<()> {
    let request = PutUserRequest {
        broker: BROKER.to_owned(),
        user: Some(User {
            name: "app".to_owned(),
            ..Default::default()
        }),
        password: Some(Password {
            form: Some(Form::Plaintext("app".to_owned())),
        }),
        ..Default::default()
    };
    client.call(client.users().put_user(request)).await?;
    let all = || ".*".to_owned();
    let request = PutPermissionRequest {
        broker: BROKER.to_owned(),
        permission: Some(Permission {
            vhost: "/".to_owned(),
            user: "app".to_owned(),
            configure: all(),
            write: all(),
            read: all(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut permissions = client.permissions();
    client.call(permissions.put_permission(request)).await?;
    Ok(())
}
