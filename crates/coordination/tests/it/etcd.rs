//! etcd: the contract, and what happens when its members die, freeze, ask for certificates or for
//! passwords.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use coordination::etcd::{EtcdCoordinator, EtcdOptions, Login, Tls};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cluster::{Cluster, Served, pause, wanted};
use crate::contract::{self, by, record};

fn options(cluster: &Cluster) -> EtcdOptions {
    EtcdOptions {
        members: cluster.addresses(),
        key: "ferry/test/pair".to_owned(),
        timeout: Duration::from_secs(2),
        tls: None,
        login: None,
    }
}

fn client(options: EtcdOptions, runtime: &Runtime) -> EtcdCoordinator {
    EtcdCoordinator::new(options, runtime.handle().clone()).unwrap()
}

/// Polls until etcd answers.
fn ready(store: &dyn Coordinator) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.read() {
        assert!(Instant::now() < deadline, "etcd does not answer: {error}");
        pause();
    }
}

#[test]
fn etcd_keeps_the_contract() {
    if !wanted() {
        return;
    }
    let (cluster, runtime) = (Cluster::start(3, None), Runtime::new().unwrap());
    ready(&client(options(&cluster), &runtime));
    contract::holds(&|| Box::new(client(options(&cluster), &runtime)));
}

/// Writers go on while one leader after the other is killed: every write is carried out once.
#[test]
fn writes_whose_answer_died_with_the_leader_are_resolved_by_the_nonce() {
    if !wanted() {
        return;
    }
    let (mut cluster, runtime) = (Cluster::start(3, None), Runtime::new().unwrap());
    let store = client(options(&cluster), &runtime);
    ready(&store);
    assert!(matches!(
        store.cas(&Version::ABSENT, &by(0, 1, &record())),
        CasOutcome::Applied(_)
    ));
    let stop = AtomicBool::new(false);
    let written: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (1..=4)
            .map(|author| {
                let (client, stop) = (client(options(&cluster), &runtime), &stop);
                scope.spawn(move || {
                    let mut count = 0;
                    while !stop.load(Ordering::Relaxed) {
                        count += 1;
                        contract::raise_epoch(&client, author, count);
                    }
                    count
                })
            })
            .collect();
        for _ in 0..3 {
            let before = epoch(&store);
            let leader = cluster.leader();
            cluster.kill(leader);
            poll(
                || epoch(&store) > before + 5,
                "writes go on without the leader",
            );
            cluster.run(leader);
            let before = epoch(&store);
            poll(|| epoch(&store) > before + 5, "writes go on with it back");
        }
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum()
    });
    assert_eq!(u64::from(epoch(&store)), written);
}

/// Two of three members hang: nobody knows anything, and nobody waits longer than agreed. When they
/// go on, whatever became of the write, it is found out.
#[test]
fn a_store_that_hangs_is_an_unknown_outcome() {
    if !wanted() {
        return;
    }
    let (cluster, runtime) = (Cluster::start(3, None), Runtime::new().unwrap());
    let store = client(
        EtcdOptions {
            timeout: Duration::from_millis(500),
            ..options(&cluster)
        },
        &runtime,
    );
    ready(&store);
    assert!(matches!(
        store.cas(&Version::ABSENT, &by(0, 1, &record())),
        CasOutcome::Applied(_)
    ));
    let before = store.read().unwrap();
    (0..2).for_each(|member| cluster.freeze(member, true));
    assert_eq!(
        store.cas(&before.version, &by(1, 1, &record())),
        CasOutcome::Unknown
    );
    assert!(matches!(store.read(), Err(ReadError::Unreachable(_))));
    (0..2).for_each(|member| cluster.freeze(member, false));
    ready(&store);
    contract::raise_epoch(&store, 1, 2);
    assert_eq!(epoch(&store), 1);
}

#[test]
fn certificates_are_checked_on_both_sides() {
    if !wanted() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let pki = Pki::new();
    let served = pki.write(&dir);
    let (cluster, runtime) = (Cluster::start(1, Some(served)), Runtime::new().unwrap());
    let with = |authority: &str, identity: Option<(String, String)>| {
        let tls = Tls {
            authority: authority.as_bytes().to_vec(),
            identity: identity.map(|(c, k)| (c.into_bytes(), k.into_bytes())),
            server_name: None,
        };
        client(
            EtcdOptions {
                tls: Some(tls),
                ..options(&cluster)
            },
            &runtime,
        )
    };
    let (certificate, key) = pki.certify("client");
    let store = with(
        &pki.authority_pem(),
        Some((certificate.clone(), key.clone())),
    );
    ready(&store);
    assert!(matches!(
        store.cas(&Version::ABSENT, &record()),
        CasOutcome::Applied(_)
    ));
    assert!(
        with(&pki.authority_pem(), None).read().is_err(),
        "no certificate"
    );
    let stranger = Pki::new();
    assert!(
        with(&stranger.authority_pem(), Some((certificate, key)))
            .read()
            .is_err(),
        "another authority"
    );
    assert!(
        with(&pki.authority_pem(), Some(stranger.certify("client")))
            .read()
            .is_err(),
        "a stranger's certificate"
    );
}

#[test]
fn a_cluster_with_users_is_logged_in_to() {
    if !wanted() {
        return;
    }
    let (cluster, runtime) = (Cluster::start(1, None), Runtime::new().unwrap());
    let as_user = |login: Option<(&str, &str)>| {
        let login = login.map(|(user, password)| Login {
            user: user.to_owned(),
            password: password.to_owned(),
        });
        client(
            EtcdOptions {
                login,
                ..options(&cluster)
            },
            &runtime,
        )
    };
    ready(&as_user(None));
    let post = |path: &str, body: &str| cluster.post(0, path, body);
    post("/v3/auth/role/add", r#"{"name": "root"}"#);
    post(
        "/v3/auth/user/add",
        r#"{"name": "root", "password": "secret"}"#,
    );
    post("/v3/auth/user/grant", r#"{"user": "root", "role": "root"}"#);
    post("/v3/auth/enable", "{}");

    let store = as_user(Some(("root", "secret")));
    assert_eq!(store.read().unwrap().version, Version::ABSENT);
    assert!(matches!(
        store.cas(&Version::ABSENT, &record()),
        CasOutcome::Applied(_)
    ));
    for login in [None, Some(("root", "wrong")), Some(("nobody", "secret"))] {
        let refused = as_user(login);
        assert!(
            matches!(refused.read(), Err(ReadError::Unreachable(_))),
            "{login:?}"
        );
        assert_eq!(
            refused.cas(&Version::ABSENT, &record()),
            CasOutcome::Unknown
        );
    }
    assert_eq!(store.read().unwrap().record, Some(record()));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let runtime = Runtime::new().unwrap();
    let base = EtcdOptions {
        members: vec!["http://127.0.0.1:1".to_owned()],
        key: "k".to_owned(),
        timeout: Duration::from_secs(1),
        tls: None,
        login: Some(Login {
            user: "u".to_owned(),
            password: "p".to_owned(),
        }),
    };
    let refused = |options: EtcdOptions| {
        EtcdCoordinator::new(options, runtime.handle().clone())
            .unwrap_err()
            .to_string()
    };
    let members = |address: &str| EtcdOptions {
        members: vec![address.to_owned()],
        ..base.clone()
    };
    assert!(
        refused(EtcdOptions {
            members: vec![],
            ..base.clone()
        })
        .contains("no address")
    );
    assert!(refused(members("127.0.0.1:2379")).contains("http://"));
    assert!(refused(members("https://127.0.0.1:2379")).contains("authority"));
    let authority = Pki::new().authority_pem().into_bytes();
    let tls = Tls {
        authority,
        identity: None,
        server_name: None,
    };
    assert!(
        refused(EtcdOptions {
            tls: Some(tls),
            ..base.clone()
        })
        .contains("http://")
    );
    assert!(
        !format!("{base:?}").contains("\"p\""),
        "a password is not printed"
    );
}

fn epoch(store: &EtcdCoordinator) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match store.read() {
            Ok(seen) => return seen.record.map_or(0, |record| record.epoch.0),
            Err(error) => assert!(Instant::now() < deadline, "etcd does not answer: {error}"),
        }
    }
}

fn poll(done: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited for: {what}");
    }
}

/// An authority and what it certifies.
struct Pki {
    authority: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            authority: rcgen::CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    fn certify(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn write(&self, dir: &TempDir) -> Served {
        let (certificate, key) = self.certify("etcd");
        let write = |name: &str, content: String| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        Served {
            certificate: write("server.pem", certificate),
            key: write("server.key", key),
            authority: write("ca.pem", self.authority_pem()),
        }
    }
}
