//! Three real members of etcd on loopback, which a test can stop, freeze and start again.
//!
//! The binary is the one in `PATH`, or that of Debian's package `etcd-server`, unpacked beside the
//! build: nothing is installed.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const HOW: &str =
    "etcd is missing: `apt-get install etcd-server`, or leave its tests out with WITHOUT=\"etcd\"";

/// Whether the tests of etcd are to run; notes it down if not.
pub(crate) fn wanted() -> bool {
    let without = env::var("WITHOUT").unwrap_or_default();
    if !without.split([' ', ',']).any(|part| part == "etcd") {
        return true;
    }
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("{test}: left out, because WITHOUT names `etcd`");
    if let Some(path) = env::var_os("FERRYMQ_LEFT_OUT") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "etcd {test}").unwrap();
    }
    false
}

/// Between two tries of a polling loop.
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(20));
}

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let works = |path: &Path| {
            let run = Command::new(path).arg("--version").output();
            run.is_ok_and(|output| output.status.success())
        };
        let installed = PathBuf::from("etcd");
        if works(&installed) {
            return installed;
        }
        let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("etcd");
        let binary = unpacked.join("usr/bin/etcd");
        if !works(&binary) {
            unpack(&unpacked);
        }
        assert!(works(&binary), "{HOW}");
        binary
    })
}

/// Fetches Debian's package and unpacks it. Another test run may do the same at this moment.
fn unpack(into: &Path) {
    let fresh = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let fetch = Command::new("apt-get")
        .args(["download", "-qq", "etcd-server"])
        .current_dir(&fresh)
        .status();
    assert!(fetch.is_ok_and(|status| status.success()), "{HOW}");
    let package = fs::read_dir(fresh.path())
        .unwrap()
        .next()
        .expect("a package was fetched")
        .unwrap()
        .path();
    let unpacked = fresh.path().join("unpacked");
    let status = Command::new("dpkg")
        .arg("--extract")
        .args([&package, &unpacked])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{HOW}");
    // Whoever comes second keeps what the first has put there.
    let _taken = fs::rename(unpacked, into);
}

/// Certificates with which a cluster serves its clients.
pub(crate) struct Served {
    /// Files: certificate, key, and the authority that clients must be certified by.
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authority: PathBuf,
}

/// A running cluster; it ends with this value.
pub(crate) struct Cluster {
    members: Vec<Member>,
    served: Option<Served>,
    dir: TempDir,
}

struct Member {
    client: String,
    peer: String,
    child: Option<Child>,
}

impl Cluster {
    /// So many members, which have elected a leader.
    pub(crate) fn start(size: usize, served: Option<Served>) -> Self {
        // All are taken before any is given back, so that no two are the same.
        let taken: Vec<_> = (0..size * 2)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports: Vec<u16> = taken
            .iter()
            .map(|t| t.local_addr().unwrap().port())
            .collect();
        drop(taken);
        let scheme = if served.is_some() { "https" } else { "http" };
        let members = ports.chunks(2).map(|pair| Member {
            client: format!("{scheme}://127.0.0.1:{}", pair[0]),
            peer: format!("http://127.0.0.1:{}", pair[1]),
            child: None,
        });
        let members = members.collect();
        let mut cluster = Self {
            members,
            served,
            dir: TempDir::new().unwrap(),
        };
        (0..size).for_each(|index| cluster.run(index));
        cluster
    }

    /// Client addresses of all members.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.client.clone())
            .collect()
    }

    /// Starts a member, new or killed before.
    pub(crate) fn run(&mut self, index: usize) {
        let named = |(index, member): (usize, &Member)| format!("m{index}={}", member.peer);
        let all: Vec<String> = self.members.iter().enumerate().map(named).collect();
        let member = &self.members[index];
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join(format!("m{index}.log")))
            .unwrap();
        let mut command = Command::new(binary());
        command
            .args(["--name", &format!("m{index}"), "--data-dir"])
            .arg(self.dir.path().join(format!("m{index}")))
            .args([
                "--listen-client-urls",
                &member.client,
                "--advertise-client-urls",
                &member.client,
            ])
            .args([
                "--listen-peer-urls",
                &member.peer,
                "--initial-advertise-peer-urls",
                &member.peer,
            ])
            .args([
                "--initial-cluster",
                &all.join(","),
                "--initial-cluster-token",
                "ferry-test",
            ])
            .args([
                "--heartbeat-interval",
                "50",
                "--election-timeout",
                "500",
                "--logger",
                "zap",
            ]);
        if let Some(served) = &self.served {
            command
                .arg("--cert-file")
                .arg(&served.certificate)
                .arg("--key-file")
                .arg(&served.key);
            command
                .arg("--client-cert-auth")
                .arg("--trusted-ca-file")
                .arg(&served.authority);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.members[index].child = Some(child);
    }

    /// Ends a member at once.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.members[index].child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Freezes a member, or lets it go on.
    pub(crate) fn freeze(&self, index: usize, frozen: bool) {
        let child = self.members[index].child.as_ref().expect("it runs");
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// A call of etcd's management, by the JSON form of its API.
    pub(crate) fn post(&self, index: usize, path: &str, body: &str) {
        let address = self.members[index].client.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    /// The member that says last in its log that it became the leader.
    pub(crate) fn leader(&self) -> usize {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let terms = (0..self.members.len()).map(|index| (self.led_term(index), index));
            if let Some((Some(_), index)) = terms.max() {
                return index;
            }
            pause();
        }
        panic!("etcd has no leader: {}", self.log(0));
    }

    fn led_term(&self, index: usize) -> Option<u64> {
        let log = self.log(index);
        let line = log
            .lines()
            .rfind(|line| line.contains("became leader at term "))?;
        let term = line.rsplit("at term ").next()?;
        term.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    }

    fn log(&self, index: usize) -> String {
        fs::read_to_string(self.dir.path().join(format!("m{index}.log"))).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(child) = &mut member.child {
                let _gone = child.kill();
                let _gone = child.wait();
            }
        }
    }
}
