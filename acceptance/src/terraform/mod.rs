//! The real Terraform, or what `TF_CLI` names, on a configuration in a directory of its own.
//!
//! The provider comes from a filesystem mirror and nothing else does, so a run never leaves the
//! machine. Everything goes through `init`, as a user's would.

mod diagnostic;
mod plan;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

pub use self::diagnostic::Diagnostic;
pub use self::plan::{Change, Plan};
use crate::agent::Agent;
use crate::prerequisite::Part;
use crate::process::Finished;
use crate::{binaries, debian};

/// The provider's source address without its host.
const SOURCE: &str = "ferrymq/ferrymq";

/// The hosts that the two command line tools put before it.
const REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A directory with a configuration, and the commands on it.
pub struct Workspace {
    dir: TempDir,
    cli: OsString,
    environment: Vec<(String, OsString)>,
}

impl Workspace {
    /// A workspace whose provider block trusts this agent and shows it the administrator's
    /// certificate; `None` if Terraform is left out by name.
    pub fn prepare(agent: &Agent) -> Result<Option<Self>> {
        let Some(workspace) = Self::empty()? else {
            return Ok(None);
        };
        workspace.write("provider.tf", &provider_block(agent))?;
        Ok(Some(workspace))
    }

    /// A workspace without any configuration.
    pub fn empty() -> Result<Option<Self>> {
        if !Part::Terraform.wanted()? {
            return Ok(None);
        }
        let cli = env::var_os("TF_CLI").unwrap_or_else(|| "terraform".into());
        let found = Path::new(&cli).is_file() || cli.to_str().and_then(debian::on_path).is_some();
        if !found {
            let what = format!("`{}` is missing", cli.display());
            let way = "see https://developer.hashicorp.com/terraform/install, or set TF_CLI";
            bail!("{}", Part::Terraform.missing(&what, way));
        }
        let dir = tempfile::tempdir()?;
        let workspace = Self {
            dir,
            cli,
            environment: Vec::new(),
        };
        workspace.install_provider()?;
        Ok(Some(workspace))
    }

    /// Sets an environment variable for all further commands.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// The directory with the configuration.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Writes or replaces a file of the configuration.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Removes a file of the configuration.
    pub fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.root().join(name)).with_context(|| format!("remove {name}"))
    }

    /// Copies a folder of the source tree into the configuration.
    pub fn copy(&self, folder: &str) -> Result<()> {
        copy_files(&binaries::source_root().join(folder), &self.root())
    }

    /// Copies a folder of the source tree beside the configuration, under its own name.
    pub fn copy_beside(&self, folder: &str) -> Result<()> {
        let from = binaries::source_root().join(folder);
        let name = from.file_name().context("a folder has a name")?;
        copy_files(&from, &self.dir.path().join(name))
    }

    /// Runs a command to its end, whatever comes of it; `init` comes first if it has not yet run.
    pub fn run(&self, arguments: &[&str]) -> Result<Finished> {
        let wants_init = arguments.first() != Some(&"init") && arguments.first() != Some(&"fmt");
        if wants_init && !self.root().join(".terraform").exists() {
            self.command(&["init", "-input=false", "-no-color"])
                .and_then(Finished::success)?;
        }
        self.command(arguments)
    }

    /// Plans; the plan must succeed.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_with(&[])
    }

    /// Plans with further options; the plan must succeed.
    pub fn plan_with(&self, options: &[&str]) -> Result<Plan> {
        let plan = ["plan", "-input=false", "-no-color", "-out=plan.bin"];
        self.run(&[&plan, options].concat())?.success()?;
        Plan::parse(&self.run(&["show", "-json", "plan.bin"])?.success()?.stdout)
    }

    /// Plans and fails; gives the errors.
    pub fn plan_errors(&self) -> Result<Vec<Diagnostic>> {
        let finished = self.run(&["plan", "-input=false", "-json"])?.failure()?;
        Diagnostic::errors(&finished.stdout)
    }

    /// Applies; the run must succeed.
    pub fn apply(&self) -> Result<()> {
        self.run(&["apply", "-input=false", "-no-color", "-auto-approve"])?
            .success()?;
        Ok(())
    }

    /// Applies, and checks that a second plan finds nothing to do.
    pub fn apply_settles(&self) -> Result<()> {
        self.apply()?;
        let plan = self.plan()?;
        ensure!(plan.is_empty(), "the second plan is not empty: {plan:#?}");
        Ok(())
    }

    /// Applies and fails; gives the errors.
    pub fn apply_errors(&self) -> Result<Vec<Diagnostic>> {
        let apply = ["apply", "-input=false", "-auto-approve", "-json"];
        Diagnostic::errors(&self.run(&apply)?.failure()?.stdout)
    }

    /// Destroys everything; the run must succeed.
    pub fn destroy(&self) -> Result<()> {
        self.run(&["destroy", "-input=false", "-no-color", "-auto-approve"])?
            .success()?;
        Ok(())
    }

    /// Imports one object by id; the run must succeed.
    pub fn import(&self, address: &str, id: &str) -> Result<()> {
        self.run(&["import", "-input=false", "-no-color", address, id])?
            .success()?;
        Ok(())
    }

    /// Addresses of everything in the state, in order.
    pub fn addresses(&self) -> Result<Vec<String>> {
        let listed = self.run(&["state", "list"])?.success()?.stdout;
        let mut addresses: Vec<_> = listed.lines().map(str::to_owned).collect();
        addresses.sort();
        Ok(addresses)
    }

    /// Attributes of one resource of the state's root module.
    pub fn attributes(&self, address: &str) -> Result<Value> {
        let shown = self.run(&["show", "-json"])?.success()?.stdout;
        let state: Value = serde_json::from_str(&shown)?;
        let resources = state
            .pointer("/values/root_module/resources")
            .and_then(Value::as_array);
        let found = resources
            .into_iter()
            .flatten()
            .find(|resource| resource["address"] == address);
        Ok(found.with_context(|| format!("{address} is not in the state"))?["values"].clone())
    }

    /// The value of an output.
    pub fn output(&self, name: &str) -> Result<Value> {
        let shown = self.run(&["output", "-json", name])?.success()?.stdout;
        Ok(serde_json::from_str(&shown)?)
    }

    /// A command with its environment, for a test that does more than run it to its end.
    pub fn prepare_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command.args(arguments).current_dir(self.root());
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("TF_") || name_text.starts_with("FERRYMQ_") {
                command.env_remove(&name);
            }
        }
        command.env("TF_CLI_CONFIG_FILE", self.dir.path().join("cli.tfrc"));
        command
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn command(&self, arguments: &[&str]) -> Result<Finished> {
        let _turn = Turn::take()?;
        Finished::run(&mut self.prepare_command(arguments))
    }

    /// Lays the built provider out as a mirror, for both tools' registries.
    fn install_provider(&self) -> Result<()> {
        fs::create_dir(self.root())?;
        let binary = binaries::provider()?;
        let version = env!("CARGO_PKG_VERSION");
        let mirror = self.dir.path().join("mirror");
        for registry in REGISTRIES {
            let dir = mirror
                .join(registry)
                .join(SOURCE)
                .join(version)
                .join(platform()?);
            fs::create_dir_all(&dir)?;
            let installed = dir.join(format!("terraform-provider-ferrymq_v{version}"));
            if fs::hard_link(&binary, &installed).is_err() {
                fs::copy(&binary, &installed).context("copy the provider")?;
            }
        }
        let mirror = quoted(&mirror.to_string_lossy());
        let configuration =
            format!("provider_installation {{\n  filesystem_mirror {{ path = {mirror} }}\n}}\n");
        fs::write(self.dir.path().join("cli.tfrc"), configuration)?;
        Ok(())
    }
}

/// A provider block with paths of an agent's certificates, and the requirement.
pub fn provider_block(agent: &Agent) -> String {
    let path = |path: PathBuf| quoted(&path.to_string_lossy());
    format!(
        r#"terraform {{
  required_providers {{
    ferrymq = {{ source = "{SOURCE}" }}
  }}
}}

provider "ferrymq" {{
  ca_certificate     = {}
  client_certificate = {}
  client_key         = {}
}}
"#,
        path(agent.ca()),
        path(agent.client_certificate()),
        path(agent.client_key())
    )
}

/// A string as the configuration language writes it.
pub fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.replace("${", "$${").replace("%{", "%%{")
}

/// The platform as Terraform names it.
fn platform() -> Result<&'static str> {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux_amd64"),
        ("linux", "aarch64") => Ok("linux_arm64"),
        ("macos", "aarch64") => Ok("darwin_arm64"),
        (os, arch) => bail!("no name known for the platform {os} {arch}"),
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().context("an entry has a name")?.to_owned();
        if name == ".terraform" || name.to_string_lossy().contains("tfstate") {
            continue;
        }
        if path.is_dir() {
            copy_files(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// A place among the few runs that go on at once: each keeps a core busy, and a crowd of them would
/// run into the deadlines of everything else.
struct Turn;

const AT_ONCE: usize = 2;
static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Result<Self> {
        let poisoned = || anyhow::anyhow!("another run panicked");
        let running = RUNNING.lock().map_err(|_| poisoned())?;
        let mut running = ENDED
            .wait_while(running, |running| *running >= AT_ONCE)
            .map_err(|_| poisoned())?;
        *running += 1;
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Ok(mut running) = RUNNING.lock() {
            *running -= 1;
        }
        ENDED.notify_one();
    }
}
