//! One agent in its room, on its disk: started, hurt and asked.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::binaries;
use acceptance::process::{Finished, Server};
use agent_api::v1::{
    Broker, BrokerState, GetBrokerRequest, RestartBrokerRequest, SwitchoverBrokerRequest,
};
use agent_api::{Client, Identity};
use anyhow::{Context as _, Result, ensure};
use tokio::time::timeout;

use super::clock::Clock;
use super::disk::Disk;
use super::lab::{Lab, Room};

/// The one broker.
pub(crate) const BROKER: &str = "campaign";

/// Where agents are managed, brokers serve clients, and other agents reach this one.
pub(crate) const GRPC_PORT: u16 = 7443;
/// Of brokers.
pub(crate) const AMQP_PORT: u16 = 5672;
/// Of the replication listener, as agents have it by default.
pub(crate) const REPLICATION_PORT: u16 = 7444;

/// The alarm of a record that is past.
const ROLLED_BACK: &str = "record_rolled_back";

/// Longest wait for an agent to be ready.
const READY: Duration = Duration::from_secs(60);

/// Longest wait for an agent to end when it is asked to.
const ENDED: Duration = Duration::from_secs(45);

/// Longest wait for one answer of an agent.
const ANSWER: Duration = Duration::from_secs(5);

/// Logged when a node begins to have its journal replaced.
const REFILLED: &str = r#""to":"in repair""#;

/// An agent that may or may not run.
pub(crate) struct Node {
    room: Room,
    dir: PathBuf,
    server: Option<Server>,
    tracer: Option<Server>,
    /// Length of its log when octets changed on its disk.
    doubted: Option<usize>,
    /// Tells it the time of day.
    pub(crate) clock: Clock,
    /// Behind the processes on it.
    pub(crate) disk: Disk,
    pub(crate) amqp: SocketAddr,
    pub(crate) agent: Caller,
}

/// The way to an agent's management.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    identity: Identity,
}

/// Makes the certificates that all agents of a stage share, and an agent's configuration.
pub(crate) fn init(dir: &Path, hosts: &[String]) -> Result<()> {
    let mut init = Command::new(binaries::broker_agent()?);
    init.args(["init", "--http", "none", "--dir"]).arg(dir);
    init.args(["--grpc", &format!("0.0.0.0:{GRPC_PORT}")]);
    for host in hosts {
        init.args(["--host", host]);
    }
    Finished::run(&mut init)?.success().map(drop)
}

impl Node {
    /// Prepares an agent in `dir` with the certificates and the configuration made in `shared`, to
    /// which `settings` are added at the front.
    pub(crate) fn prepare(
        lab: &Lab,
        index: usize,
        dir: PathBuf,
        shared: &Path,
        disk_mib: u64,
    ) -> Result<Self> {
        let room = Room::Agent(index);
        fs::create_dir_all(&dir)?;
        let disk = Disk::mount(lab, room, &dir, disk_mib)?;
        for name in ["ca.pem", "server.pem", "server-key.pem"] {
            fs::copy(shared.join(name), dir.join(name))?;
        }
        let address = lab.address(room);
        let config = fs::read_to_string(shared.join("agent.toml"))?;
        let data = format!("data_dir = {:?}", disk.path().join("data"));
        let replaced = config.replace("data_dir = \"data\"", &data);
        ensure!(replaced != config, "the configuration has another data_dir");
        fs::write(dir.join("agent.toml"), replaced)?;
        let read = |name| fs::read_to_string(shared.join("admin").join(name));
        let identity = Identity {
            ca_certificate: read("ca.pem")?,
            certificate: read("client.pem")?,
            key: read("client-key.pem")?,
        };
        let clock = Clock::make(&dir)?;
        Ok(Self {
            room,
            dir,
            server: None,
            tracer: None,
            doubted: None,
            clock,
            disk,
            amqp: SocketAddr::new(address, AMQP_PORT),
            agent: Caller {
                address: SocketAddr::new(address, GRPC_PORT),
                identity,
            },
        })
    }

    /// Starts the agent and waits until it is ready.
    pub(crate) fn start(&mut self, lab: &Lab) -> Result<()> {
        self.spawn(lab)?;
        let server = self.server.as_mut().context("it was started")?;
        server.line(READY).map(drop)
    }

    /// Starts the agent and waits for nothing.
    pub(crate) fn spawn(&mut self, lab: &Lab) -> Result<()> {
        let mut command = lab.prefix(self.room, Some(self.disk.holder()));
        command
            .arg(binaries::broker_agent()?)
            .args(["serve", "--config"]);
        command.arg(self.dir.join("agent.toml"));
        self.clock.set(&mut command);
        self.server = Some(Server::spawn(&mut command, &self.log_path())?);
        Ok(())
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
        }
        self.tracer = None;
        Ok(())
    }

    /// Its machine loses its power, and gets it back.
    pub(crate) fn lose_power(&mut self, lab: &Lab) -> Result<()> {
        // Nothing that it says from now on rests on what the disk does not have.
        self.disk.lose_power()?;
        self.kill()?;
        self.disk.remount(lab, self.room)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            let status = server.terminate(ENDED)?;
            ensure!(status.success(), "an agent that was asked to end: {status}");
        }
        Ok(())
    }

    /// Freezes it, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        match &self.server {
            Some(server) => server.freeze(frozen),
            None => Ok(()),
        }
    }

    /// Whether the process is there.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        match &mut self.server {
            Some(server) => server.is_running(),
            None => Ok(false),
        }
    }

    /// From now on the next `fdatasync` of each of its threads fails, once.
    pub(crate) fn fail_syncs(&mut self) -> Result<()> {
        let server = self.server.as_ref().context("the agent does not run")?;
        let mut strace = Command::new("setpriv");
        strace.args(["--pdeathsig", "KILL", "strace", "-f", "-qq"]);
        strace.args(["-p", &server.pid().to_string(), "-e", "trace=fdatasync"]);
        strace.args(["-e", "inject=fdatasync:error=EIO:when=1"]);
        self.tracer = Some(Server::spawn(&mut strace, &self.dir.join("strace.log"))?);
        Ok(())
    }

    /// Whether a sync has failed.
    pub(crate) fn sync_failed(&self) -> bool {
        self.tracer
            .as_ref()
            .is_some_and(|t| t.log().contains("(INJECTED)"))
    }

    /// Lets syncs work again.
    pub(crate) fn let_sync(&mut self) -> Result<()> {
        if let Some(mut tracer) = self.tracer.take() {
            tracer.interrupt()?;
            tracer.wait(ANSWER)?;
        }
        Ok(())
    }

    /// Notes that octets change on its disk.
    pub(crate) fn doubt(&mut self) {
        self.doubted = Some(self.log().len());
    }

    /// Notes that its disk is a new one.
    pub(crate) fn trust(&mut self) {
        self.doubted = None;
    }

    /// Whether octets on its disk have changed that it may not have come across yet. When it does, its
    /// whole journal is replaced.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubted.is_some_and(|from| {
            let log = self.log();
            !log.get(from..).unwrap_or_default().contains(REFILLED)
        })
    }

    fn log(&self) -> String {
        fs::read(self.log_path()).map_or_else(
            |_| String::new(),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// Where its log is.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("agent.log")
    }
}

impl Caller {
    /// A connection to its management.
    pub(crate) async fn client(&self) -> Result<Client> {
        let endpoint = self.address.to_string();
        let connected = timeout(ANSWER, Client::connect(&endpoint, &self.identity));
        Ok(connected.await.context("the agent does not answer")??)
    }

    /// The broker as the agent sees it.
    pub(crate) async fn broker(&self) -> Result<Broker> {
        let client = self.client().await?;
        let request = GetBrokerRequest {
            name: BROKER.to_owned(),
        };
        let mut brokers = client.brokers();
        let answer = timeout(ANSWER, client.call(brokers.get_broker(request)));
        Ok(answer.await.context("the agent does not answer")??)
    }

    /// Has a failed broker opened again.
    pub(crate) async fn restart_broker(&self) -> Result<()> {
        let client = self.client().await?;
        let request = RestartBrokerRequest {
            name: BROKER.to_owned(),
        };
        let mut brokers = client.brokers();
        client.call(brokers.restart_broker(request)).await?;
        Ok(())
    }

    /// Has the other node become active.
    pub(crate) async fn switch_over(&self) -> Result<()> {
        let client = self.client().await?;
        let request = SwitchoverBrokerRequest {
            name: BROKER.to_owned(),
            ..Default::default()
        };
        let mut brokers = client.brokers();
        client.call(brokers.switchover_broker(request)).await?;
        Ok(())
    }
}

/// Whether the node says that the record of its group is of an epoch that is past.
pub(crate) fn refuses_record(broker: &Broker) -> bool {
    let status = broker.status.as_ref();
    let replication = status.and_then(|status| status.replication.as_ref());
    replication.is_some_and(|it| it.alarms.iter().any(|it| it.kind == ROLLED_BACK))
}

/// Whether the broker does not serve any more, by its own word.
pub(crate) fn has_failed(broker: &Broker) -> bool {
    let status = broker.status.as_ref();
    status.is_some_and(|status| status.state() == BrokerState::Failed)
}
