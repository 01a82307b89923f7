//! What a test needs from the machine, and what happens when it is not there.
//!
//! A missing part fails the test with its name and the way to get it. Only the person who starts the
//! run can leave a part out, by naming it: `WITHOUT="node amqp-tools"`. A test that was left out
//! says so in the file named by `FERRYMQ_LEFT_OUT`, from which `make test` writes its summary.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;

use anyhow::Result;

/// A part of the machine that tests need and a person may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Debian's `amqp-tools`.
    AmqpTools,
    /// Debian's `etcd-server`.
    Etcd,
    /// Go.
    Go,
    /// A Java compiler and Maven.
    Java,
    /// Mount namespaces, or the right to make them.
    Mounts,
    /// Network namespaces with Debian's `iproute2` and `nftables`, or the right to make them.
    Namespaces,
    /// Node.js and npm.
    Node,
    /// PHP with Debian's php-amqplib.
    Php,
    /// Python 3 with `venv`.
    Python,
    /// Debian's `rabbitmq-server`.
    RabbitMq,
    /// Debian's `strace`, and the right to trace.
    Strace,
    /// Terraform, or what `TF_CLI` names.
    Terraform,
}

impl Part {
    /// As `WITHOUT` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AmqpTools => "amqp-tools",
            Self::Etcd => "etcd",
            Self::Go => "go",
            Self::Java => "java",
            Self::Mounts => "mounts",
            Self::Namespaces => "namespaces",
            Self::Node => "node",
            Self::Php => "php",
            Self::Python => "python",
            Self::RabbitMq => "rabbitmq",
            Self::Strace => "strace",
            Self::Terraform => "terraform",
        }
    }

    /// Whether the test is to run; notes it down if not.
    pub fn wanted(self) -> Result<bool> {
        let without = env::var("WITHOUT").unwrap_or_default();
        if !without.split([' ', ',']).any(|part| part == self.name()) {
            return Ok(true);
        }
        let test = thread::current().name().unwrap_or("a test").to_owned();
        eprintln!("{test}: left out, because WITHOUT names `{}`", self.name());
        if let Some(path) = env::var_os("FERRYMQ_LEFT_OUT") {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            writeln!(file, "{} {test}", self.name())?;
        }
        Ok(false)
    }

    /// The sentence for a part that is missing; `way` tells how to get it.
    pub fn missing(self, what: &str, way: &str) -> String {
        let name = self.name();
        format!("{what}; {way}, or leave its tests out with WITHOUT=\"{name}\"")
    }
}
