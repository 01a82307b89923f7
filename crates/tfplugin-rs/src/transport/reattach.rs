//! What a provider under a debugger says: how Terraform finds it.
//!
//! Terraform reads `TF_REATTACH_PROVIDERS` and then starts no process for the providers in it. Several
//! runs may use the one process, and none ends it.

use std::path::Path;

use serde_json::json;

/// The text to print, with the variable to set.
pub(super) fn instructions(source: &str, socket: &Path) -> String {
    let reattach = json!({
        source: {
            "Protocol": "grpc",
            "ProtocolVersion": super::handshake::PROTOCOL,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": {"Network": "unix", "String": socket},
        },
    });
    // In a shell's single quotes a quote is written outside of them.
    let quoted = reattach.to_string().replace('\'', r"'\''");
    format!(
        "The provider waits for Terraform. Set this where Terraform runs; Ctrl-C ends the provider.\n\n\
         \tTF_REATTACH_PROVIDERS='{quoted}'\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_can_read_it() {
        let said = instructions("example.com/o'neill/x", Path::new("/tmp/s"));
        let line = said.lines().find(|line| line.contains("REATTACH")).unwrap();
        let quoted = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='").unwrap();
        let json = quoted.strip_suffix('\'').unwrap().replace(r"'\''", "'");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let provider = &json["example.com/o'neill/x"];
        assert_eq!(
            provider["Addr"],
            json!({"Network": "unix", "String": "/tmp/s"})
        );
        assert_eq!(provider["ProtocolVersion"], 6);
        assert_eq!(provider["Pid"], std::process::id());
        assert_eq!(provider["Test"], true);
    }
}
