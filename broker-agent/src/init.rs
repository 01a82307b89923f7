//! `broker-agent init`: everything one machine needs to run an agent, and its administrator to
//! talk to it, in one directory.
//!
//! ```text
//! DIR/agent.toml                  configuration, commented
//! DIR/ca.pem       ca-key.pem     the authority; its key is only needed to certify more callers
//! DIR/server.pem   server-key.pem the agent's own certificate
//! DIR/admin/ca.pem client.pem client-key.pem
//!                                 what an administrator or Terraform needs, to be copied to them
//! ```
//!
//! A second agent is certified by the first one's authority (`--authority`), so that they trust each
//! other and one administrator manages both; its directory then has no `ca-key.pem`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::parse_x509_certificate;

use crate::config::{EXAMPLE, Listen};
use crate::replication::settings::DEFAULT_PORT;

/// How long certificates are valid. The authority is this directory alone: whoever wants shorter
/// lives brings certificates of an authority that renews them.
pub(crate) const VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Certificates begin a day ago, for machines whose clocks disagree; short-lived ones later.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);
/// Of a certificate's life, what it may begin earlier at most.
const BACKDATED_PART: u32 = 24;

/// Names every agent's certificate is good for.
pub(crate) const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What `init` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Directory to make; it must not hold any of the files yet.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Name or IP address clients reach this machine by, beside localhost. May be repeated; the
    /// first becomes `advertised_host`.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Where the management interface shall listen [default: port 7443 of all addresses].
    #[arg(long, value_name = "ADDR", value_parser = crate::config::parse_address)]
    grpc: Option<SocketAddr>,
    /// Where the status pages shall listen, or none [default: port 8443 of all addresses].
    #[arg(long, value_name = "ADDR|none", value_parser = crate::config::parse_address_or_none)]
    http: Option<Listen>,
    /// Where other agents that hold copies of brokers shall connect, or none [default: port 7444 of
    /// all addresses].
    #[arg(long, value_name = "ADDR|none", value_parser = crate::config::parse_address_or_none)]
    replication: Option<Listen>,
    /// Directory with the ca.pem and ca-key.pem of another agent's `init`: that CA certifies this
    /// agent too, so that both trust each other and have the same administrators.
    #[arg(long, value_name = "DIR")]
    authority: Option<PathBuf>,
}

/// Makes the directory and tells what to do next.
pub(crate) fn run(options: &Options, out: &mut impl io::Write) -> anyhow::Result<()> {
    let dir = &options.dir;
    let files = files(options)?;
    for file in &files {
        let path = dir.join(file.name);
        if path.symlink_metadata().is_ok() {
            bail!(
                "{} exists; nothing was changed. Choose another directory, or remove that one \
                 if no agent or client uses it any more",
                path.display()
            );
        }
    }
    make_private_dir(dir)?;
    make_private_dir(&dir.join("admin"))?;
    for file in &files {
        write_new(&dir.join(file.name), &file.content, file.mode)?;
    }
    report(options, &files, out).context("write to standard output")
}

/// One file to make.
struct File {
    name: &'static str,
    what: &'static str,
    mode: u32,
    content: String,
}

impl File {
    fn public(name: &'static str, what: &'static str, content: String) -> Self {
        Self {
            name,
            what,
            mode: 0o644,
            content,
        }
    }

    fn private(name: &'static str, what: &'static str, content: String) -> Self {
        Self {
            name,
            what,
            mode: 0o600,
            content,
        }
    }
}

fn files(options: &Options) -> anyhow::Result<Vec<File>> {
    let authority = match &options.authority {
        None => Authority::new().context("make the CA")?,
        Some(dir) => Authority::load(dir)?,
    };
    let mut names = LOCAL_NAMES.map(str::to_owned).to_vec();
    names.extend(
        options
            .host
            .iter()
            .filter(|host| !LOCAL_NAMES.contains(&host.as_str()))
            .cloned(),
    );
    let server = certify(&authority.issuer, names, For::Agent)
        .context("make the server certificate; --host takes host names and IP addresses")?;
    let admin = certify(&authority.issuer, Vec::new(), For::Administrator)
        .context("make the client certificate")?;
    let ca = authority.certificate;
    let mut files = vec![
        File::public("agent.toml", "configuration", configuration(options)),
        File::public("ca.pem", "CA certificate", ca.clone()),
        File::public("server.pem", "the agent's certificate", server.certificate),
        File::private("server-key.pem", "the agent's key", server.key),
        File::public("admin/ca.pem", "CA certificate, for clients", ca),
        File::public(
            "admin/client.pem",
            "administrator's certificate",
            admin.certificate,
        ),
        File::private("admin/client-key.pem", "administrator's key", admin.key),
    ];
    if let Some(key) = authority.new_key {
        files.insert(2, File::private("ca-key.pem", "CA key", key));
    }
    Ok(files)
}

/// Who certifies.
pub(crate) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    /// Its key as PEM, if it was made just now.
    new_key: Option<String>,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = params(Vec::new(), "FerryMQ CA")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let new_key = Some(key.serialize_pem());
        let made = CertifiedIssuer::self_signed(params.clone(), &key)?;
        Ok(Self {
            certificate: made.pem(),
            issuer: Issuer::new(params, key),
            new_key,
        })
    }

    /// For making certificates.
    pub(crate) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// The CA that an earlier `init` has made in a directory.
    pub(crate) fn load(dir: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "read {}; --authority names the directory of the agent whose `init` made the CA",
                    path.display()
                )
            })
        };
        let certificate = read("ca.pem")?;
        let unusable = || format!("use the CA in {}", dir.display());
        let key = KeyPair::from_pem(&read("ca-key.pem")?).with_context(unusable)?;
        fits(&certificate, &key).with_context(unusable)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).with_context(unusable)?;
        Ok(Self {
            certificate,
            issuer,
            new_key: None,
        })
    }
}

/// A key that is not the certificate's would make certificates that nobody accepts.
fn fits(certificate: &str, key: &KeyPair) -> anyhow::Result<()> {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes())
        .map_err(|error| anyhow!("ca.pem: {error}"))?;
    let (_, parsed) = parse_x509_certificate(&der).context("ca.pem is no certificate")?;
    if parsed.public_key().raw != key.subject_public_key_info() {
        bail!("ca-key.pem is not the key of ca.pem");
    }
    Ok(())
}

struct Certified {
    certificate: String,
    key: String,
}

/// Whom a certificate is for. The purpose is part of the certificate: an administrator cannot pose as
/// an agent, and what is good as a server's commands no agent, though agents call each other with it.
#[derive(Clone, Copy)]
enum For {
    Administrator,
    Agent,
}

fn certify(
    authority: &Issuer<'static, KeyPair>,
    names: Vec<String>,
    whom: For,
) -> Result<Certified, rcgen::Error> {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let (common_name, purposes) = match whom {
        For::Administrator => ("FerryMQ administrator", vec![ClientAuth]),
        For::Agent => ("FerryMQ agent", vec![ServerAuth, ClientAuth]),
    };
    let mut params = params(names, common_name)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = purposes;
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(Certified {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn params(names: Vec<String>, common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    limit(&mut params, VALIDITY);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// Makes it valid from now on, and for clocks that are a little behind.
pub(crate) fn limit(params: &mut CertificateParams, lifetime: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED.min(lifetime / BACKDATED_PART)).into();
    params.not_after = (now + lifetime).into();
}

/// The configuration of an agent that is reached by this name, on the usual ports, and renews its
/// certificate there.
pub(crate) fn usual_configuration(host: &str, authority: &str) -> String {
    let usual = configuration(&Options {
        dir: PathBuf::new(),
        host: vec![host.to_owned()],
        grpc: None,
        http: None,
        replication: None,
        authority: None,
    });
    let address = toml::Value::from(authority);
    let given = "# [authority]\n# address = \"10.0.1.5:7445\"\n";
    usual.replace(given, &format!("[authority]\naddress = {address}\n"))
}

/// The commented example with this machine's values in place of its own.
fn configuration(options: &Options) -> String {
    let any = if all_addresses_are_v6() {
        "[::]"
    } else {
        "0.0.0.0"
    };
    let grpc = options
        .grpc
        .map_or(format!("{any}:7443"), |address| address.to_string());
    let listen = |asked: Option<Listen>, port: u16| match asked {
        None => format!("{any}:{port}"),
        Some(Listen(None)) => "none".to_owned(),
        Some(Listen(Some(address))) => address.to_string(),
    };
    let http = listen(options.http, 8443);
    let replication = listen(options.replication, DEFAULT_PORT);
    let host = options.host.first().map_or("localhost", String::as_str);
    EXAMPLE
        .replace("listen = \"[::]:7443\"", &format!("listen = \"{grpc}\""))
        .replace("listen = \"[::]:8443\"", &format!("listen = \"{http}\""))
        .replace(
            "listen = \"[::]:7444\"",
            &format!("listen = \"{replication}\""),
        )
        .replace("= \"localhost\"", &format!("= {}", toml::Value::from(host)))
}

/// Whether one socket can listen on all addresses of both families: not where IPv6 is off.
pub(crate) fn all_addresses_are_v6() -> bool {
    TcpListener::bind("[::]:0").is_ok()
}

pub(crate) fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("make directory {}", dir.display()))
}

fn write_new(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(content.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .with_context(|| format!("write {}", path.display()))
}

fn report(options: &Options, files: &[File], out: &mut impl io::Write) -> io::Result<()> {
    let dir = options.dir.display();
    writeln!(out, "Made in {dir}:")?;
    for File { name, what, .. } in files {
        writeln!(out, "  {name:22}{what}")?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "Start the agent:       broker-agent serve --config {dir}/agent.toml"
    )?;
    writeln!(
        out,
        "See whether it runs:   broker-agent status --dir {dir}"
    )?;
    writeln!(
        out,
        "Manage it from afar:   copy {dir}/admin to the administrator, keep it secret"
    )?;
    if options.authority.is_none() {
        writeln!(
            out,
            "Add another agent:     broker-agent init --dir DIR --host NAME --authority {dir}"
        )?;
        writeln!(
            out,
            "Keep {dir}/ca-key.pem off the machine if you can; the agent does not need it."
        )?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::Config;

    fn options(dir: &Path, host: &[&str]) -> Options {
        let host = host.iter().map(ToString::to_string).collect();
        Options {
            dir: dir.to_owned(),
            host,
            grpc: None,
            http: None,
            replication: None,
            authority: None,
        }
    }

    /// What `init` makes, in a directory that is there.
    pub(crate) fn make(dir: &Path) {
        run(&options(dir, &[]), &mut Vec::new()).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_private_and_the_configuration_loads() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("fleet/one");
        let mut out = Vec::new();
        run(&options(&dir, &["mq.example.com", "10.0.0.7"]), &mut out).unwrap();

        assert_eq!(mode(&dir), 0o700);
        for key in ["ca-key.pem", "server-key.pem", "admin/client-key.pem"] {
            assert_eq!(mode(&dir.join(key)), 0o600, "{key}");
        }
        let config = Config::load(&dir.join("agent.toml")).unwrap();
        assert_eq!(config.advertised_host, "mq.example.com");
        assert!(config.tls.key.is_file());
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("serve --config"), "{out}");
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let root = tempfile::tempdir().unwrap();
        run(&options(root.path(), &[]), &mut Vec::new()).unwrap();
        std::fs::remove_file(root.path().join("agent.toml")).unwrap();
        let before = std::fs::read(root.path().join("ca-key.pem")).unwrap();

        let error = run(&options(root.path(), &[]), &mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ca.pem exists; nothing was changed"),
            "{error}"
        );
        assert!(!root.path().join("agent.toml").exists());
        assert_eq!(
            std::fs::read(root.path().join("ca-key.pem")).unwrap(),
            before
        );
    }

    #[test]
    fn listeners_can_be_chosen() {
        let root = tempfile::tempdir().unwrap();
        let grpc = Some("127.0.0.1:0".parse().unwrap());
        let options = Options {
            grpc,
            http: Some(Listen(None)),
            replication: Some(Listen(Some("127.0.0.1:0".parse().unwrap()))),
            ..options(root.path(), &[])
        };
        run(&options, &mut Vec::new()).unwrap();
        let config = Config::load(&root.path().join("agent.toml"));
        let config = config.unwrap();
        assert_eq!(config.grpc.listen, "127.0.0.1:0".parse().unwrap());
        assert_eq!(config.http.listen, None);
        assert_eq!(
            config.replication.listen,
            Some("127.0.0.1:0".parse().unwrap())
        );
    }

    #[test]
    fn a_second_agent_is_certified_by_the_first_ones_authority() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        run(&options(&one, &[]), &mut Vec::new()).unwrap();
        let second = Options {
            authority: Some(one.clone()),
            ..options(&two, &["mq-b"])
        };
        let mut out = Vec::new();
        run(&second, &mut out).unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&one.join("ca.pem")), read(&two.join("ca.pem")));
        assert!(!two.join("ca-key.pem").exists());
        assert!(!String::from_utf8(out).unwrap().contains("ca-key"));
        let config = Config::load(&two.join("agent.toml")).unwrap();
        crate::tls::load(&config.tls).unwrap();

        // A key of another authority makes nothing.
        let other = root.path().join("other");
        run(&options(&other, &[]), &mut Vec::new()).unwrap();
        std::fs::copy(one.join("ca.pem"), other.join("ca.pem")).unwrap();
        let third = Options {
            authority: Some(other),
            ..options(&root.path().join("three"), &[])
        };
        let error = run(&third, &mut Vec::new()).unwrap_err();
        assert!(format!("{error:#}").contains("not the key of"), "{error:#}");
    }

    #[test]
    fn a_host_that_cannot_be_in_a_certificate_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let error = run(&options(root.path(), &["mä"]), &mut Vec::new()).unwrap_err();
        assert!(format!("{error:#}").contains("--host"), "{error:#}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
