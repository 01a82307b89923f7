//! One configuration directory and the Terraform command in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value as Json;
use tempfile::TempDir;

const MISSING: &str = "these tests need Terraform 1.11 or later on PATH: get it from \
     https://developer.hashicorp.com/terraform/install or name another command in TF_CLI";

/// A directory with a configuration, a state, and the notes the provider keeps.
pub(crate) struct Workspace {
    directory: TempDir,
    cli: String,
    example: &'static str,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Workspace {
    /// With the example of this name as provider.
    pub(crate) fn new(example: &'static str) -> Self {
        let cli = std::env::var("TF_CLI").unwrap_or_else(|_| "terraform".to_owned());
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("notes")).unwrap();
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \
             \"example.com/test/{example}\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            provider_directory().display()
        );
        std::fs::write(directory.path().join("cli.tfrc"), settings).unwrap();
        Self {
            directory,
            cli,
            example,
        }
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.directory.path().join("notes")
    }

    /// Makes `body` the whole configuration, after the provider's own blocks.
    pub(crate) fn configure(&self, body: &str) {
        let example = self.example;
        let settings = match example {
            "lockers" | "minimal" | "notes" => {
                format!("directory = \"{}\"", self.notes().display())
            }
            _ => String::new(),
        };
        let text = format!(
            "terraform {{\n  required_providers {{\n    {example} = {{\n      \
             source = \"example.com/test/{example}\"\n    }}\n  }}\n}}\n\
             provider \"{example}\" {{\n  {settings}\n}}\n{body}\n"
        );
        std::fs::write(self.directory.path().join("main.tf"), text).unwrap();
    }

    /// Runs a command; never waits for input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(&[], arguments)
    }

    /// Runs a command with more in its environment.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let output = Command::new(&self.cli)
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TF_CLI_CONFIG_FILE", self.directory.path().join("cli.tfrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_LOG", "TRACE")
            .env("TF_LOG_PATH", self.log())
            .env("CHECKPOINT_DISABLE", "1")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}; {MISSING}", self.cli));
        let text = [output.stdout, output.stderr].concat();
        Said {
            success: output.status.success(),
            code: output.status.code(),
            // Long lines of messages are folded, with a bar before each.
            text: String::from_utf8(text).unwrap(),
        }
    }

    /// Everything Terraform and the provider have logged.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("terraform.log")
    }

    /// Runs a command that must succeed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert!(said.success, "{arguments:?}:\n{}", said.text);
        said.text
    }

    /// Runs a command that must fail; what it said, with all white space and frames folded.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert!(!said.success, "{arguments:?} succeeded:\n{}", said.text);
        let words = said
            .text
            .split_whitespace()
            .filter(|word| !matches!(*word, "│" | "╷" | "╵"));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Major and minor version of the command.
    pub(crate) fn version(&self) -> (u32, u32) {
        let said: Json = serde_json::from_str(&self.succeed(&["version", "-json"])).unwrap();
        let mut parts = said["terraform_version"].as_str().unwrap().split('.');
        let mut next = || parts.next().unwrap().parse().unwrap();
        (next(), next())
    }

    pub(crate) fn apply(&self) -> String {
        self.succeed(&["apply", "-auto-approve", "-no-color"])
    }

    /// Fails unless there is nothing to do.
    pub(crate) fn expect_empty_plan(&self) {
        let said = self.run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(said.code, Some(0), "the plan is not empty:\n{}", said.text);
    }

    /// The attributes of a resource in the state.
    pub(crate) fn attributes(&self, address: &str) -> Json {
        let state: Json = serde_json::from_str(&self.succeed(&["show", "-json"])).unwrap();
        let resources = &state["values"]["root_module"]["resources"];
        let resources = resources.as_array().cloned().unwrap_or_default();
        let found = resources
            .into_iter()
            .find(|resource| resource["address"] == address);
        found.unwrap_or_else(|| panic!("no {address} in {state}"))["values"].clone()
    }
}

/// The program of an example.
pub(crate) fn program(example: &str) -> PathBuf {
    provider_directory().join(format!("terraform-provider-{example}"))
}

/// Builds the examples under the names Terraform looks for; the directory they are in.
fn provider_directory() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        // Examples are not made known to an integration test, so cargo is asked where they are.
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--examples", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the examples do not build");
        let directory = tempfile::tempdir().unwrap();
        let messages = String::from_utf8(output.stdout).unwrap();
        for line in messages.lines() {
            let message: Json = serde_json::from_str(line).unwrap();
            let is_example = message["target"]["kind"] == serde_json::json!(["example"]);
            if let (true, Some(executable)) = (is_example, message["executable"].as_str()) {
                let name = message["target"]["name"].as_str().unwrap();
                let provider = directory.path().join(format!("terraform-provider-{name}"));
                std::fs::hard_link(executable, &provider)
                    .or_else(|_| std::fs::copy(executable, &provider).map(drop))
                    .unwrap();
            }
        }
        directory
    });
    directory.path()
}
