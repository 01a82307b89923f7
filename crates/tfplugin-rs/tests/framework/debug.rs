//! A provider under a debugger: Terraform finds it, and it outlives the run.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::terraform::{Workspace, program};

/// Ends the provider whatever happens.
struct Debugged(Child);

impl Drop for Debugged {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn terraform_attaches_to_a_running_provider() {
    let workspace = Workspace::new("lockers");
    let mut provider = Command::new(program("lockers"))
        .arg("--debug")
        .env_remove("TF_PLUGIN_MAGIC_COOKIE")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(Debugged)
        .unwrap();
    // Kept open: the provider still writes to it.
    let mut stdout = BufReader::new(provider.0.stdout.take().unwrap());
    let line = (&mut stdout)
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("TF_REATTACH_PROVIDERS="))
        .unwrap();
    let (_, quoted) = line.split_once('=').unwrap();
    let reattach = quoted.trim_matches('\'');
    assert!(reattach.contains("example.com/test/lockers"), "{reattach}");

    let locker = |luggage: &str| {
        format!(
            "resource \"lockers_locker\" \"a\" {{\n  number = 1\n  luggage = \"{luggage}\"\n}}\n"
        )
    };
    let run =
        |arguments: &[&str]| workspace.run_with(&[("TF_REATTACH_PROVIDERS", reattach)], arguments);
    for luggage in ["hat", "coat"] {
        workspace.configure(&locker(luggage));
        let said = run(&["apply", "-auto-approve", "-no-color"]);
        assert!(said.success, "{}", said.text);
        let said = run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(said.code, Some(0), "{}", said.text);
        assert!(provider.0.try_wait().unwrap().is_none(), "the run ended it");
    }

    let pid = provider.0.id().to_string();
    let sent = Command::new("kill")
        .args(["-s", "INT", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    assert!(provider.0.wait().unwrap().success());
    // So it was this very process that Terraform talked to.
    let said = run(&["plan", "-no-color"]);
    assert!(!said.success, "{}", said.text);
}
