//! What the scenarios find: a broker with users and a policy, a cable in front of it, and a socket
//! by which a client has something done to it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use acceptance::agent::Agent;
use acceptance::cable::Cable;
use acceptance::ports;
use agent_api::v1::password::Form;
use agent_api::v1::{
    Broker, CreateBrokerRequest, Listener, Password, Permission, Policy, PutPermissionRequest,
    PutPolicyRequest, PutUserRequest, User,
};
use agent_api::{Client, arguments};
use anyhow::{Context, Result, bail};

use crate::management::with_agent;

/// Its name.
pub(crate) const BROKER: &str = "clients";
const MEMORY: &str = "memory_mib = 32";

/// The broker as `clients/README.md` promises it. Dropping it ends everything.
pub(crate) struct Stage {
    agent: Arc<Mutex<Agent>>,
    cable: Arc<Cable>,
    port: u16,
    control: u16,
    dropped: Arc<AtomicBool>,
    controlling: Option<JoinHandle<()>>,
}

impl Stage {
    /// Starts it.
    pub(crate) fn set() -> Result<Self> {
        let mut agent = Agent::init()?;
        let file = agent.path("agent.toml");
        let config = fs::read_to_string(&file)?;
        let short = config.replace("# memory_mib = 1024", MEMORY);
        anyhow::ensure!(
            short.contains(MEMORY),
            "the configuration has no memory limit"
        );
        fs::write(&file, short)?;
        agent.restart()?;
        let port = ports::free()?;
        with_agent(&agent, async |client| declare(client, port).await)?;

        let cable = Arc::new(Cable::lay(format!("127.0.0.1:{port}"))?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let control = listener.local_addr()?.port();
        let agent = Arc::new(Mutex::new(agent));
        let dropped = Arc::new(AtomicBool::new(false));
        let doing = Control {
            agent: Arc::clone(&agent),
            cable: Arc::clone(&cable),
            dropped: Arc::clone(&dropped),
        };
        let controlling = thread::spawn(move || doing.serve(&listener));
        Ok(Self {
            agent,
            cable,
            port,
            control,
            dropped,
            controlling: Some(controlling),
        })
    }

    /// URI of the virtual host as the user who may do everything.
    pub(crate) fn uri(&self) -> String {
        format!("amqp://app:app@{}/%2f", self.cable.address())
    }

    /// The same without the cable: nobody listens there while the broker is down.
    pub(crate) fn direct_uri(&self) -> String {
        format!("amqp://app:app@127.0.0.1:{}/%2f", self.port)
    }

    /// `host:port` of the control socket.
    pub(crate) fn control(&self) -> String {
        format!("127.0.0.1:{}", self.control)
    }

    /// Kills the broker's process and starts it on the same data.
    pub(crate) fn restart(&self) -> Result<()> {
        restart(&self.agent)
    }

    /// Asks the agent.
    pub(crate) fn ask<T>(&self, action: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
        let agent = self.agent.lock().ok().context("controlling it panicked")?;
        with_agent(&agent, action)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Release);
        // Wakes the thread that waits for clients, which holds the agent.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control));
        if let Some(controlling) = self.controlling.take() {
            let _ = controlling.join();
        }
    }
}

fn restart(agent: &Mutex<Agent>) -> Result<()> {
    let mut agent = agent.lock().ok().context("controlling it panicked")?;
    agent.kill()?;
    agent.restart()
}

async fn declare(client: &Client, port: u16) -> Result<()> {
    let listener = Listener {
        address: "127.0.0.1".to_owned(),
        port: Some(port.into()),
        tls: Some(false),
        client_certificates: None,
    };
    let request = CreateBrokerRequest {
        broker: Some(Broker {
            name: BROKER.to_owned(),
            listeners: [("amqp".to_owned(), listener)].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.call(client.brokers().create_broker(request)).await?;
    user(client, "app", "").await?;
    user(client, "limited", "^mine").await?;
    let limits = arguments([
        ("max-length", 2_i64.into()),
        ("dead-letter-exchange", "".into()),
        ("dead-letter-routing-key", "dead-policies".into()),
    ]);
    let request = PutPolicyRequest {
        broker: BROKER.to_owned(),
        policy: Some(Policy {
            vhost: "/".to_owned(),
            name: "short".to_owned(),
            pattern: r"^policies\.".to_owned(),
            apply_to: "queues".to_owned(),
            definition: Some(limits),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.call(client.policies().put_policy(request)).await?;
    Ok(())
}

/// A user whose password is its name, with one expression for all it may do.
async fn user(client: &Client, name: &str, may: &str) -> Result<()> {
    let request = PutUserRequest {
        broker: BROKER.to_owned(),
        user: Some(User {
            name: name.to_owned(),
            ..Default::default()
        }),
        password: Some(Password {
            form: Some(Form::Plaintext(name.to_owned())),
        }),
        ..Default::default()
    };
    client.call(client.users().put_user(request)).await?;
    let may = if may.is_empty() { ".*" } else { may }.to_owned();
    let request = PutPermissionRequest {
        broker: BROKER.to_owned(),
        permission: Some(Permission {
            vhost: "/".to_owned(),
            user: name.to_owned(),
            configure: may.clone(),
            write: may.clone(),
            read: may,
            ..Default::default()
        }),
        ..Default::default()
    };
    client
        .call(client.permissions().put_permission(request))
        .await?;
    Ok(())
}

/// What the control socket commands.
struct Control {
    agent: Arc<Mutex<Agent>>,
    cable: Arc<Cable>,
    dropped: Arc<AtomicBool>,
}

impl Control {
    /// Serves one client after the other.
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
            "cut" => self.cable.cut()?,
            "restart" => restart(&self.agent)?,
            word => bail!("`{word}` is no word of the control socket"),
        }
        Ok(())
    }
}
