//! Rules for names, as `terraform validate` knows them. The agent knows them all; here are those
//! that a person should hear about before an apply.

use regex::RegexBuilder;
use tfplugin_rs::validate::{self, Validator};

/// Longest name of anything inside a broker, in bytes of UTF-8.
const NAME_MAX_BYTES: usize = 255;

/// Longest regular expression, and what it may take when it is compiled.
const EXPRESSION_MAX_BYTES: usize = 4096;
const COMPILED_BYTES: usize = 1024 * 1024;

/// Names of brokers.
pub(crate) fn broker() -> Validator {
    validate::regex(
        "^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$",
        "must be 1 to 50 letters, digits, \"-\" or \"_\" and begin with a letter or digit",
    )
}

/// Names of virtual hosts and users.
pub(crate) fn plain() -> Validator {
    validate::string(printable)
}

/// Names that exchanges and queues can be given.
pub(crate) fn declarable() -> Validator {
    validate::string(|name| {
        printable(name)?;
        if name.starts_with("amq.") {
            return Err(
                "must not begin with \"amq.\", which is reserved for the broker".to_owned(),
            );
        }
        Ok(())
    })
}

/// Names of exchanges and queues that something refers to.
pub(crate) fn referable() -> Validator {
    validate::string(bytes)
}

/// Regular expressions: what the agent will compile, within the same bounds.
pub(crate) fn expression() -> Validator {
    validate::string(compiles)
}

/// The same with variables in them, which stand for names.
pub(crate) fn topic_expression() -> Validator {
    validate::string(|text| {
        let variables = ["{username}", "{vhost}", "{client_id}"];
        let tried = variables.iter().fold(text.to_owned(), |text, variable| {
            text.replace(variable, "x")
        });
        compiles(&tried)
    })
}

fn compiles(text: &str) -> Result<(), String> {
    if text.len() > EXPRESSION_MAX_BYTES {
        return Err(format!("must be at most {EXPRESSION_MAX_BYTES} bytes"));
    }
    let compiled = RegexBuilder::new(text)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES)
        .build();
    match compiled {
        Ok(_) => Ok(()),
        Err(regex::Error::Syntax(message)) => {
            // The last line says what is wrong, those before draw where.
            let why = message.lines().last().unwrap_or_default();
            let why = why.trim_start_matches("error: ");
            Err(format!("must be a regular expression ({why})"))
        }
        Err(error) => Err(format!("must be a smaller regular expression ({error})")),
    }
}

/// Routing keys.
pub(crate) fn routing_key() -> Validator {
    validate::string(|key| match key.len() {
        0..=NAME_MAX_BYTES => Ok(()),
        length => Err(format!(
            "must be at most {NAME_MAX_BYTES} bytes of UTF-8 but has {length}"
        )),
    })
}

fn printable(name: &str) -> Result<(), String> {
    bytes(name)?;
    if name.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

fn bytes(name: &str) -> Result<(), String> {
    match name.len() {
        1..=NAME_MAX_BYTES => Ok(()),
        length => Err(format!(
            "must be 1 to {NAME_MAX_BYTES} bytes of UTF-8 but has {length}"
        )),
    }
}
