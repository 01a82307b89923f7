//! Network namespaces on a bridge, and cables that can be cut in one direction or both.
//!
//! Names and addresses come from a number that one process has at a time, by a lock on a file. Who
//! gets a lock may remove what an earlier holder left behind, with the processes in it.

use std::fs::{self, File, Permissions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::debian;
use acceptance::poll;
use acceptance::prerequisite::Part;
use acceptance::process::Finished;
use anyhow::{Context as _, Result, bail};
use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal, kill_process};

/// Locks of numbers in use. Their files stay: one that is removed could be locked twice.
const LOCKS: &str = "/run/ferrymq-campaign";

/// Where `ip netns` keeps its names.
const NAMESPACES: &str = "/run/netns";

/// Where the system lists network interfaces.
const LINKS: &str = "/sys/class/net";

/// Numbers there are: the third octet of addresses.
const NUMBERS: u8 = 200;

/// Longest wait for killed processes and cut cables to be gone.
const GONE: Duration = Duration::from_secs(10);

/// A place with a network namespace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// An agent, by its index.
    Agent(usize),
    /// A member of etcd, by its index.
    Etcd(usize),
}

/// Whom this process speaks for: each has an address of its own on the bridge, beside the one for
/// agents' management and the probe, which is never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// The other node of the pair.
    Pair,
    /// The coordination store.
    Store,
    /// Clients.
    Clients,
}

/// Which way bytes do not pass, as the cut node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Neither way.
    Both,
    /// What it is sent does not arrive.
    In,
    /// What it sends does not arrive.
    Out,
}

/// A bridge with rooms on it.
#[derive(Debug)]
pub(crate) struct Lab {
    number: u8,
    _lock: File,
}

impl Room {
    fn host(self) -> u8 {
        match self {
            Self::Agent(index) => 11 + index as u8,
            Self::Etcd(index) => 21 + index as u8,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Agent(index) => format!("agent{}", index + 1),
            Self::Etcd(index) => format!("etcd{}", index + 1),
        }
    }
}

impl Lab {
    /// Makes the bridge and these rooms; `None` if such tests are left out by name.
    ///
    /// # Errors
    /// Where the machine does not let us, with the way to get it.
    pub(crate) fn build(rooms: &[Room]) -> Result<Option<Self>> {
        if !debian::networks()? {
            return Ok(None);
        }
        let way = "run as root on Linux (`sudo -E make campaign`, `sudo -E make test`)";
        let missing = || Part::Namespaces.missing("network namespaces cannot be made", way);
        fs::create_dir_all(LOCKS).with_context(missing)?;
        fs::set_permissions(LOCKS, Permissions::from_mode(0o700)).with_context(missing)?;
        let lab = Self::take_number()?;
        lab.add_bridge().with_context(missing)?;
        for room in rooms {
            lab.add_room(*room).with_context(missing)?;
        }
        Ok(Some(lab))
    }

    /// Takes the first free number, and removes what is left of all others that nobody has.
    fn take_number() -> Result<Self> {
        let mut ours = None;
        for number in 0..NUMBERS {
            let known = lock_path(number).exists();
            if !known && ours.is_some() {
                break;
            }
            if let Some(lock) = lock(number)? {
                remove(number)?;
                ours.get_or_insert(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        ours.context("all numbers of labs are in use")
    }

    /// The address of a room.
    pub(crate) fn address(&self, room: Room) -> IpAddr {
        self.ip(room.host())
    }

    /// The address that a party has in this process.
    pub(crate) fn party(&self, party: Party) -> IpAddr {
        self.ip(match party {
            Party::Pair => 2,
            Party::Store => 3,
            Party::Clients => 4,
        })
    }

    /// What comes before a command that is to run in a room, with the mounts of the process `mounts`
    /// if one is given. The command becomes the process that is started, and ends with the thread
    /// that starts it.
    pub(crate) fn prefix(&self, room: Room, mounts: Option<u32>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "nsenter"]);
        command.arg(format!("--net={}", self.path(room).display()));
        if let Some(process) = mounts {
            command.arg(format!("--mount=/proc/{process}/ns/mnt"));
        }
        command
    }

    /// Cuts the cable between a room and a party. A cut is added to those that are there.
    pub(crate) fn cut(&self, room: Room, party: Party, direction: Direction) -> Result<()> {
        let mut others = vec![self.party(party)];
        match party {
            // Whoever does not go by a proxy is cut as well.
            Party::Pair => others.extend((0..2).map(|i| self.address(Room::Agent(i)))),
            Party::Store => others.extend((0..3).map(|i| self.address(Room::Etcd(i)))),
            Party::Clients => {}
        }
        others.retain(|address| *address != self.address(room));
        let list: Vec<_> = others.iter().map(ToString::to_string).collect();
        let list = list.join(", ");
        let mut rules = "add table ip cut\n".to_owned();
        for (chain, field, cut) in [
            ("input", "saddr", direction != Direction::Out),
            ("output", "daddr", direction != Direction::In),
        ] {
            rules +=
                &format!("add chain ip cut {chain} {{ type filter hook {chain} priority 0 ; }}\n");
            if cut {
                rules += &format!("add rule ip cut {chain} ip {field} {{ {list} }} drop\n");
            }
        }
        self.filter(room, &rules)
    }

    /// Loses some of what a room gets and sends, by chance; what its management gets and sends is
    /// left alone. Added to the cuts that are there.
    pub(crate) fn lose(&self, room: Room, percent: u8) -> Result<()> {
        let management = self.ip(1);
        let mut rules = "add table ip cut\n".to_owned();
        for (chain, field) in [("input", "saddr"), ("output", "daddr")] {
            rules +=
                &format!("add chain ip cut {chain} {{ type filter hook {chain} priority 0 ; }}\n");
            rules += &format!(
                "add rule ip cut {chain} ip {field} != {management} \
                 numgen random mod 100 < {percent} drop\n"
            );
        }
        self.filter(room, &rules)
    }

    /// Mends all cables of a room.
    pub(crate) fn mend(&self, room: Room) -> Result<()> {
        // Added first, so that there is one to delete.
        self.filter(room, "add table ip cut\ndelete table ip cut\n")
    }

    fn filter(&self, room: Room, rules: &str) -> Result<()> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path(room).display()));
        command.args(["sh", "-c", "printf '%s' \"$0\" | nft -f -", rules]);
        Finished::run(&mut command)?.success().map(drop)
    }

    fn add_bridge(&self) -> Result<()> {
        let bridge = bridge(self.number);
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        for host in 1..=4 {
            let address = format!("{}/24", self.ip(host));
            ip(&["addr", "add", &address, "dev", &bridge])?;
        }
        ip(&["link", "set", &bridge, "up"])
    }

    fn add_room(&self, room: Room) -> Result<()> {
        let (bridge, name) = (bridge(self.number), self.namespace(room));
        let outer = format!("{bridge}v{}", room.host());
        ip(&["netns", "add", &name])?;
        #[rustfmt::skip] // An option and its value.
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &name])?;
        ip(&["link", "set", &outer, "master", &bridge, "up"])?;
        let address = format!("{}/24", self.address(room));
        ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])
    }

    fn ip(&self, host: u8) -> IpAddr {
        Ipv4Addr::new(10, 213, self.number, host).into()
    }

    fn namespace(&self, room: Room) -> String {
        format!("{}-{}", bridge(self.number), room.name())
    }

    fn path(&self, room: Room) -> PathBuf {
        Path::new(NAMESPACES).join(self.namespace(room))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = remove(self.number) {
            eprintln!("network namespaces are left behind: {error:#}");
        }
    }
}

fn bridge(number: u8) -> String {
    format!("fmq{number}")
}

fn lock_path(number: u8) -> PathBuf {
    Path::new(LOCKS).join(number.to_string())
}

/// The lock of this number, if nobody has it.
fn lock(number: u8) -> Result<Option<File>> {
    let path = lock_path(number);
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let taken = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
    Ok(taken.is_ok().then_some(file))
}

/// Removes all that a lab of this number made, with the processes in it.
fn remove(number: u8) -> Result<()> {
    let bridge = bridge(number);
    let prefix = format!("{bridge}-");
    let entries = fs::read_dir(NAMESPACES).into_iter().flatten();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            kill_all(&name)?;
            ip(&["netns", "delete", &name])?;
        }
    }
    if Path::new(LINKS).join(&bridge).exists() {
        ip(&["link", "delete", &bridge])?;
    }
    // The system takes its time to remove the other ends of cables into namespaces.
    let outer = format!("{bridge}v");
    poll::until("cables into network namespaces to go", GONE, || {
        let links = fs::read_dir(LINKS).into_iter().flatten().flatten();
        let mut names = links.map(|link| link.file_name().to_string_lossy().into_owned());
        let left = names.any(|name| name.starts_with(&outer));
        Ok((!left).then_some(()))
    })
}

/// Kills the processes in a namespace and waits until they are gone.
fn kill_all(namespace: &str) -> Result<()> {
    poll::until("processes in a network namespace to end", GONE, || {
        let mut command = Command::new("ip");
        command.args(["netns", "pids", namespace]);
        let listed = Finished::run(&mut command)?.success()?.stdout;
        for pid in listed.lines() {
            let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
            let Some(pid) = pid else {
                bail!("`ip netns pids` says {listed:?}");
            };
            // One that ended by itself is what we want.
            let _ = kill_process(pid, Signal::KILL);
        }
        Ok(listed.trim().is_empty().then_some(()))
    })
}

fn ip(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(arguments);
    Finished::run(&mut command)?.success().map(drop)
}
