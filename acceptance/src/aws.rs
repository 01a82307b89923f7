//! A stand-in for AWS: moto, with what our tests need beside it.
//!
//! One serves all tests of a process. Each test takes regions of its own, so that none sees what
//! another one makes.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cache;
use crate::prerequisite::Part;
use crate::process::Server;
use crate::python;

const REQUIREMENTS: &str = include_str!("../clients/python/aws/requirements.txt");

/// It imports most of moto before it listens.
const READY: Duration = Duration::from_secs(90);

/// Version of EC2's interface.
const EC2: &str = "2016-11-15";

/// A running stand-in.
pub struct StandIn {
    // Ends by itself when this process does.
    _server: Mutex<Server>,
    host: String,
    port: u16,
    faults: Mutex<Vec<Value>>,
}

impl StandIn {
    /// The one of this process; `None` if Python is left out by name.
    pub fn shared() -> Result<Option<&'static Self>> {
        static SHARED: OnceLock<Result<Option<StandIn>, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start("127.0.0.1").map_err(|e| format!("{e:#}")));
        match shared {
            Ok(shared) => Ok(shared.as_ref()),
            Err(error) => bail!("{error}"),
        }
    }

    /// Starts one at this address.
    pub fn start(host: &str) -> Result<Option<Self>> {
        if !Part::Python.wanted()? {
            return Ok(None);
        }
        let dir = cache::prepared("moto", REQUIREMENTS, install)?;
        let mut command = Command::new(dir.join("bin/python"));
        command.arg("-B").arg(script("stand_in.py")).arg(host);
        let mut server = Server::spawn(&mut command, Path::new("/dev/null"))?;
        let ready: Value = serde_json::from_str(&server.line(READY)?)?;
        let port = ready["port"].as_u64().context("it tells its port")?;
        Ok(Some(Self {
            _server: Mutex::new(server),
            host: host.to_owned(),
            port: u16::try_from(port)?,
            faults: Mutex::default(),
        }))
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// What the AWS command line would need to use it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// One call of EC2, and its answer in XML; fails if it is refused.
    pub fn ec2(&self, region: &str, action: &str, arguments: &[(&str, &str)]) -> Result<Xml> {
        self.query(region, ("ec2", EC2), action, arguments)
    }

    /// One call of a service that takes forms: its name and the version of its interface.
    pub fn query(
        &self,
        region: &str,
        (service, version): (&str, &str),
        action: &str,
        arguments: &[(&str, &str)],
    ) -> Result<Xml> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in arguments {
            write!(form, "&{name}={}", encoded(value))?;
        }
        let scope = format!("Credential=test/20260101/{region}/{service}/aws4_request");
        let headers = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 \
             {scope}, SignedHeaders=host, Signature=0\r\n"
        );
        let (status, body) = self.http("POST", "/", &headers, form.as_bytes())?;
        ensure!(status == 200, "{action} in {region}: {status} {body}");
        Ok(Xml(body))
    }

    /// One call of a service that takes JSON: its name, and the target of the call.
    pub fn json(
        &self,
        region: &str,
        service: &str,
        target: &str,
        request: &Value,
    ) -> Result<Value> {
        let scope = format!("Credential=test/20260101/{region}/{service}/aws4_request");
        let headers = format!(
            "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\nAuthorization: \
             AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\n"
        );
        let (status, body) = self.http("POST", "/", &headers, request.to_string().as_bytes())?;
        ensure!(status == 200, "{target} in {region}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// From now on, calls of this action in this region fail so, `times` times or for ever.
    pub fn fail(
        &self,
        region: &str,
        action: &str,
        (code, message): (&str, &str),
        times: Option<u32>,
    ) -> Result<()> {
        let fault = json!({
            "region": region, "action": action, "code": code, "message": message,
            "times": times,
        });
        self.change_faults(|faults| faults.push(fault))
    }

    /// The next call of this action in this region is carried out, and its answer is lost.
    pub fn lose_answer(&self, region: &str, action: &str) -> Result<()> {
        let fault = json!({
            "region": region, "action": action, "code": "InternalServerError",
            "message": "the answer was lost", "status": 500, "times": 1, "after": true,
        });
        self.change_faults(|faults| faults.push(fault))
    }

    /// All is well again in this region.
    pub fn heal(&self, region: &str) -> Result<()> {
        self.change_faults(|faults| faults.retain(|fault| fault["region"] != region))
    }

    /// What is on the console of an instance.
    pub fn show_on_console(&self, instance: &str, text: &str) -> Result<()> {
        let path = format!("/ferrymq/consoles/{instance}");
        self.http("PUT", &path, "", text.as_bytes()).map(drop)
    }

    /// What is on the console of every instance that has nothing else on it.
    pub fn show_on_every_console(&self, text: &str) -> Result<()> {
        self.show_on_console("*", text)
    }

    /// A network with one subnet per given zone letter, each a `/24`: ids of network and subnets.
    pub fn network(&self, region: &str, cidr_start: &str, zones: &str) -> Result<Network> {
        let cidr = format!("{cidr_start}.0.0/16");
        let made = self.ec2(region, "CreateVpc", &[("CidrBlock", &cidr)])?;
        let vpc = made.first("vpcId")?;
        let mut subnets = Vec::new();
        for (index, zone) in zones.chars().enumerate() {
            let cidr = format!("{cidr_start}.{}.0/24", index + 1);
            let zone = format!("{region}{zone}");
            let made = self.ec2(
                region,
                "CreateSubnet",
                &[
                    ("VpcId", &vpc),
                    ("CidrBlock", &cidr),
                    ("AvailabilityZone", &zone),
                ],
            )?;
            subnets.push(made.first("subnetId")?);
        }
        Ok(Network { vpc, subnets })
    }

    fn change_faults(&self, change: impl FnOnce(&mut Vec<Value>)) -> Result<()> {
        let mut faults = self
            .faults
            .lock()
            .map_err(|_| anyhow::anyhow!("a test panicked"))?;
        change(&mut faults);
        for fault in faults.iter_mut().filter(|fault| fault["id"].is_null()) {
            static IDS: AtomicU64 = AtomicU64::new(0);
            fault["id"] = IDS.fetch_add(1, Ordering::Relaxed).into();
        }
        let body = Value::from(faults.clone()).to_string();
        self.http("PUT", "/ferrymq/faults", "", body.as_bytes())
            .map(drop)
    }

    fn http(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of headers")?;
        let status = head.split(' ').nth(1).context("no status")?;
        Ok((status.parse()?, body.to_owned()))
    }
}

/// A network of the stand-in.
#[derive(Debug, Clone)]
pub struct Network {
    /// Id of the network.
    pub vpc: String,
    /// Ids of its subnets.
    pub subnets: Vec<String>,
}

/// An answer of EC2.
#[derive(Debug, Clone)]
pub struct Xml(pub String);

impl Xml {
    /// Texts of all elements of this name, in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.0.split(&open).skip(1);
        parts
            .filter_map(|part| Some(part.split_once(&close)?.0.trim().to_owned()))
            .collect()
    }

    /// The text of the first element of this name.
    pub fn first(&self, name: &str) -> Result<String> {
        let first = self.all(name).into_iter().next();
        first.with_context(|| format!("no <{name}> in {}", self.0))
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn script(name: &str) -> PathBuf {
    python::scripts().join("aws").join(name)
}

fn install(dir: &Path) -> Result<()> {
    python::install(dir, &script("requirements.txt"))
}
