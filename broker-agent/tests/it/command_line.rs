//! `init`, `serve`, `status`, `brokers`: exit codes and sentences.

use std::fs;

use crate::agent::{Agent, broker, create};
use crate::process::run;

/// Exit code, standard output, standard error.
fn outcome(args: &[&str]) -> (i32, String, String) {
    let output = run(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn status_and_brokers_show_what_runs() {
    let agent = Agent::start();
    let dir = agent.path("").display().to_string();
    let endpoint = agent.process.endpoint("grpc");
    let ask = |command: &str, more: &[&str]| {
        let mut args = vec![command, "--dir", &dir, "--endpoint", &endpoint];
        args.extend(more);
        outcome(&args)
    };
    let (code, out, _) = ask("brokers", &[]);
    assert_eq!((code, out.as_str()), (0, "no brokers\n"));
    let client = agent.client().await;
    let made = create(&client, broker("orders", 0), "").await.unwrap();
    let url = &made.status.unwrap().endpoints[0].url;

    let (code, out, _) = ask("status", &[]);
    assert_eq!(code, 0);
    assert!(out.contains("runs, version") && out.contains(&format!("orders  running  {url}")));
    let (_, out, _) = ask("status", &["--json"]);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["brokers"][0]["state"], "running");
    let (_, out, _) = ask("brokers", &["--json"]);
    let brokers: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(brokers[0]["endpoints"][0], url.as_str());
    let bundle = agent.path("admin").display().to_string();
    assert_eq!(
        outcome(&["status", "--dir", &bundle, "--endpoint", &endpoint]).0,
        0
    );
}

#[test]
fn an_agent_that_is_not_there_is_exit_code_three() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("a").display().to_string();
    assert_eq!(outcome(&["init", "--dir", &dir]).0, 0);
    let (code, out, error) = outcome(&["status", "--dir", &dir, "--endpoint", "127.0.0.1:1"]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(error.contains("cannot be reached"), "{error}");
    let (code, _, error) = outcome(&["status", "--dir", &dir, "--endpoint", "http://x"]);
    assert_eq!(code, 2, "{error}");
    let (code, _, error) = outcome(&["init", "--dir", &dir]);
    assert_eq!(code, 1);
    assert!(error.contains("exists; nothing was changed"), "{error}");
}

#[test]
fn a_wrong_configuration_is_exit_code_two_and_names_its_key() {
    let agent = Agent::start();
    let good = fs::read_to_string(agent.path("agent.toml")).unwrap();
    let file = agent.path("other.toml");
    let serve = |text: String| {
        fs::write(&file, text).unwrap();
        outcome(&["serve", "--config", file.to_str().unwrap()])
    };
    let (code, _, error) = serve(good.replace("[http]", "[https]"));
    assert_eq!(code, 2);
    assert!(
        error.contains("other.toml, line") && error.contains("https"),
        "{error}"
    );
    let (code, _, error) = serve(good.replace("server.pem", "gone.pem"));
    assert_eq!(code, 2);
    assert!(
        error.contains("tls.certificate") && error.contains("gone.pem"),
        "{error}"
    );
    let (code, _, error) = serve(good.replace("\"server-key.pem\"", "\"ca-key.pem\""));
    assert_eq!(code, 2, "{error}");
    let (code, out, error) = serve(good.clone());
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("in use by another agent"), "{error}");
    let taken = agent.process.endpoint("grpc");
    let (code, _, error) = serve(good.replacen("127.0.0.1:0", &taken, 1));
    assert_eq!(code, 1);
    assert!(
        error.contains("grpc.listen") && error.contains(&taken),
        "{error}"
    );
}
