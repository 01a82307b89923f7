//! Machines for the instances of the stand-in: each instance that runs is booted in namespaces of its
//! own (network, processes, file system), with its private address, its metadata and its user data,
//! unchanged.
//!
//! What is real: the network between machines and host, the user data and all it runs, the metadata
//! service with credentials of the instance's role. What is not: kernel and firmware are the host's,
//! [`systemctl`](../vm/systemctl) is a few lines, and there are no block devices.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::aws::StandIn;
use crate::poll;
use crate::prerequisite::Part;
use crate::process::Finished;

/// Size of a machine's disk, in MiB. It is memory, and taken as it is used.
const DISK_MIB: u32 = 1024;

/// How often the stand-in is asked for instances.
const LOOK: Duration = Duration::from_millis(500);

/// One region whose instances are booted: its name, and the first two numbers of its addresses.
#[derive(Debug, Clone)]
pub struct Region {
    /// Such as `eu-west-1`.
    pub name: &'static str,
    /// Such as `10.231`.
    pub network: &'static str,
}

/// Machines for all instances of some regions, as long as it lives.
pub struct Machines {
    shared: Arc<Shared>,
    watching: Option<JoinHandle<()>>,
}

struct Shared {
    aws: &'static StandIn,
    bridge: String,
    regions: Vec<Region>,
    dir: TempDir,
    ended: AtomicBool,
    running: Mutex<HashMap<String, Machine>>,
    problems: Mutex<Vec<String>>,
}

/// One machine.
struct Machine {
    namespace: String,
    init: Child,
    metadata: Child,
    console: PathBuf,
}

impl Machines {
    /// Begins to watch; `None` if such tests are left out by name. The host has the address `.0.1` of
    /// every region.
    pub fn watch(aws: &'static StandIn, regions: &[Region]) -> Result<Option<Self>> {
        if !Part::Namespaces.wanted()? || !Part::Mounts.wanted()? {
            return Ok(None);
        }
        // Several may watch at once, each over other regions.
        static WATCHES: AtomicUsize = AtomicUsize::new(0);
        let watch = WATCHES.fetch_add(1, Ordering::Relaxed) % 1000;
        let bridge = format!("fmqvm{}-{watch}", std::process::id() % 100_000);
        let way = "run the tests as root, and on Debian: `apt-get install iproute2`";
        let missing = || Part::Namespaces.missing("a network cannot be made", way);
        ip(&["link", "add", &bridge, "type", "bridge"]).with_context(missing)?;
        let shared = Arc::new(Shared {
            aws,
            bridge: bridge.clone(),
            regions: regions.to_vec(),
            dir: tempfile::tempdir()?,
            ended: AtomicBool::new(false),
            running: Mutex::default(),
            problems: Mutex::default(),
        });
        let mut machines = Self {
            shared: Arc::clone(&shared),
            watching: None,
        };
        for region in regions {
            let address = format!("{}.0.1/16", region.network);
            ip(&["address", "add", &address, "dev", &bridge])?;
        }
        ip(&["link", "set", &bridge, "up"])?;
        machines.watching = Some(thread::spawn(move || shared.watch()));
        Ok(Some(machines))
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.shared
            .running
            .lock()
            .map_or(0, |running| running.len())
    }

    /// What is on the consoles, and what went wrong with making machines.
    pub fn consoles(&self) -> String {
        let mut text = String::new();
        if let Ok(running) = self.shared.running.lock() {
            for (id, machine) in running.iter() {
                let console = fs::read_to_string(&machine.console).unwrap_or_default();
                text += &format!("--- console of {id}\n{console}\n");
            }
        }
        if let Ok(problems) = self.shared.problems.lock() {
            text += &problems.join("\n");
        }
        text
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
        if thread::panicking() {
            eprintln!("{}", self.consoles());
        }
        if let Ok(mut running) = self.shared.running.lock() {
            running.clear();
        }
        let _ = ip(&["link", "delete", &self.shared.bridge]);
    }
}

impl Shared {
    fn watch(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            if let Err(error) = self.look()
                && let Ok(mut problems) = self.problems.lock()
            {
                problems.push(format!("{error:#}"));
            }
            poll::pause(LOOK);
        }
    }

    /// Boots what has come, ends what has gone, and shows the consoles.
    fn look(&self) -> Result<()> {
        let mut wanted = HashMap::new();
        for region in &self.regions {
            for instance in running_instances(self.aws, region)? {
                wanted.insert(instance.id.clone(), (region, instance));
            }
        }
        let mut running = self
            .running
            .lock()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        running.retain(|id, _| wanted.contains_key(id));
        for (id, (region, instance)) in wanted {
            if let Entry::Vacant(place) = running.entry(id) {
                let booted = self.boot(region, &instance);
                place.insert(booted.with_context(|| format!("boot {}", instance.id))?);
            }
        }
        for (id, machine) in running.iter() {
            let console = fs::read_to_string(&machine.console).unwrap_or_default();
            self.aws.show_on_console(id, &console)?;
        }
        Ok(())
    }

    fn boot(&self, region: &Region, instance: &Instance) -> Result<Machine> {
        let dir = self.dir.path().join(&instance.id);
        fs::create_dir_all(dir.join("disk"))?;
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm");
        fs::copy(files.join("systemctl"), dir.join("systemctl"))?;
        fs::write(
            dir.join("user-data"),
            user_data(self.aws, region, &instance.id)?,
        )?;
        let metadata = dir.join("metadata.json");
        fs::write(
            &metadata,
            metadata_of(self.aws, region, instance)?.to_string(),
        )?;

        let namespace = format!("fmq-{}", instance.id);
        self.connect(&namespace, region, &instance.address)?;
        let console = dir.join("console");
        let said = File::options().create(true).append(true).open(&console)?;
        let within = |namespace: &str| {
            let mut command = Command::new("ip");
            command
                .args(["netns", "exec", namespace])
                .stdin(Stdio::null());
            command
        };
        let metadata = within(&namespace)
            .args(["python3", "-B"])
            .arg(files.join("metadata.py"))
            .arg(&metadata)
            .stdout(Stdio::null())
            .spawn()?;
        let init = within(&namespace)
            .args([
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
            ])
            .arg(files.join("init.sh"))
            .arg(&dir)
            .arg(DISK_MIB.to_string())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        Ok(Machine {
            namespace,
            init,
            metadata,
            console,
        })
    }

    /// A network namespace with the machine's address, on the bridge.
    fn connect(&self, namespace: &str, region: &Region, address: &str) -> Result<()> {
        let cable = format!("fv{}", &namespace[namespace.len() - 10..]);
        ip(&["netns", "add", namespace])?;
        ip(&[
            "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", namespace,
        ])?;
        ip(&["link", "set", &cable, "master", &self.bridge, "up"])?;
        let inside = |arguments: &[&str]| ip(&[&["-n", namespace], arguments].concat());
        inside(&["address", "add", &format!("{address}/16"), "dev", "eth0"])?;
        inside(&["address", "add", "169.254.169.254/32", "dev", "lo"])?;
        inside(&["link", "set", "lo", "up"])?;
        inside(&["link", "set", "eth0", "up"])?;
        let gateway = format!("{}.0.1", region.network);
        inside(&["route", "add", "default", "via", &gateway])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in [&mut self.init, &mut self.metadata] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = ip(&["netns", "delete", &self.namespace]);
    }
}

/// An instance that runs.
struct Instance {
    id: String,
    address: String,
    profile: Option<String>,
}

fn running_instances(aws: &StandIn, region: &Region) -> Result<Vec<Instance>> {
    let filter = [
        ("Filter.1.Name", "instance-state-name"),
        ("Filter.1.Value.1", "running"),
    ];
    let seen = aws.ec2(region.name, "DescribeInstances", &filter)?;
    let ids = seen.all("instanceId");
    ids.into_iter()
        .map(|id| {
            let one = aws.ec2(region.name, "DescribeInstances", &[("InstanceId.1", &id)])?;
            let profile = one.all("iamInstanceProfile").into_iter().next();
            let arn = profile
                .and_then(|it| Some(it.split_once("<arn>")?.1.split_once('<')?.0.to_owned()));
            Ok(Instance {
                address: one.first("privateIpAddress")?,
                profile: arn.and_then(|arn| Some(arn.rsplit_once('/')?.1.to_owned())),
                id,
            })
        })
        .collect()
}

fn user_data(aws: &StandIn, region: &Region, id: &str) -> Result<Vec<u8>> {
    let arguments = [("InstanceId", id), ("Attribute", "userData")];
    let seen = aws.ec2(region.name, "DescribeInstanceAttribute", &arguments)?;
    let mut decode = Command::new("base64");
    decode
        .arg("--decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = decode.spawn().context("start base64")?;
    let mut input = child.stdin.take().context("base64 has an input")?;
    std::io::Write::write_all(&mut input, seen.first("value")?.as_bytes())?;
    drop(input);
    let decoded = child.wait_with_output()?;
    if !decoded.status.success() {
        bail!("the user data of {id} is no base64");
    }
    Ok(decoded.stdout)
}

/// What the machine is told about itself; the credentials are those that the stand-in gives a session
/// of the instance's role, named as AWS names it.
fn metadata_of(aws: &StandIn, region: &Region, instance: &Instance) -> Result<serde_json::Value> {
    let mut metadata = json!({
        "instance-id": instance.id,
        "local-ipv4": instance.address,
        "placement/region": region.name,
    });
    let Some(profile) = &instance.profile else {
        return Ok(metadata);
    };
    let iam = ("iam", "2010-05-08");
    let seen = aws.query(
        "us-east-1",
        iam,
        "GetInstanceProfile",
        &[("InstanceProfileName", profile)],
    )?;
    let role = seen.first("RoleName")?;
    let more = role_metadata(aws, region.name, &role, &instance.id)?;
    for (name, text) in more.as_object().context("metadata")? {
        metadata[name] = text.clone();
    }
    Ok(metadata)
}

/// What an instance of this role, which has a profile, is told about where it is and who.
pub fn role_metadata(
    aws: &StandIn,
    region: &str,
    role: &str,
    instance: &str,
) -> Result<serde_json::Value> {
    let (iam, name) = (("iam", "2010-05-08"), [("RoleName", role)]);
    let arn = aws
        .query("us-east-1", iam, "GetRole", &name)?
        .first("Arn")?;
    let arguments = [("RoleArn", arn.as_str()), ("RoleSessionName", instance)];
    let given = aws.query(region, ("sts", "2011-06-15"), "AssumeRole", &arguments)?;
    let credentials = json!({
        "Code": "Success",
        "AccessKeyId": given.first("AccessKeyId")?,
        "SecretAccessKey": given.first("SecretAccessKey")?,
        "Token": given.first("SessionToken")?,
        "Expiration": given.first("Expiration")?,
    });
    Ok(json!({
        "placement/region": region,
        "iam/security-credentials/": role,
        format!("iam/security-credentials/{role}"): credentials.to_string(),
    }))
}

fn ip(arguments: &[&str]) -> Result<()> {
    Finished::run(Command::new("ip").args(arguments))?.success()?;
    Ok(())
}
