//! The generated part of a module's README: its inputs and outputs as tables between two markers.
//!
//! The tables are made from `variables.tf` and `outputs.tf`, which are formatted and therefore easy
//! to read line by line. With `UPDATE_GENERATED=1` in the environment the README is rewritten.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

const BEGIN: &str = "<!-- BEGIN_TF_DOCS -->\n";
const END: &str = "<!-- END_TF_DOCS -->\n";

/// Fails if the tables in the module's README are not those of its variables and outputs.
pub(super) fn check(module: &Path) -> Result<()> {
    let path = module.join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let (before, rest) = readme.split_once(BEGIN).context("no begin marker")?;
    let (_, after) = rest.split_once(END).context("no end marker")?;
    let expected = format!("{before}{BEGIN}{}{END}{after}", tables(module)?);
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, expected)?;
        return Ok(());
    }
    ensure!(
        readme == expected,
        "{} is out of date: run this test with UPDATE_GENERATED=1",
        path.display()
    );
    Ok(())
}

fn tables(module: &Path) -> Result<String> {
    let mut text = String::from("## Inputs\n\n| name | description | type | default |\n");
    text.push_str("| --- | --- | --- | --- |\n");
    for variable in blocks(&module.join("variables.tf"), "variable")? {
        let default = variable
            .attribute("default")
            .map_or("required".to_owned(), code);
        let (kind, described) = (code(variable.need("type")?), variable.description()?);
        writeln!(
            text,
            "| `{}` | {described} | {kind} | {default} |",
            variable.name
        )?;
    }
    text.push_str("\n## Outputs\n\n| name | description |\n| --- | --- |\n");
    for output in blocks(&module.join("outputs.tf"), "output")? {
        writeln!(text, "| `{}` | {} |", output.name, output.description()?)?;
    }
    Ok(text)
}

/// An expression as one line of code in a cell.
fn code(expression: &str) -> String {
    let mut code = String::new();
    for line in expression
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let opened = code.is_empty() || code.ends_with(['(', '{', '[']);
        if !opened && !line.starts_with([')', '}', ']']) {
            code.push_str(if code.ends_with(',') { " " } else { ", " });
        }
        code.push_str(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    format!("`{}`", code.replace('|', "\\|"))
}

struct Block {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Block {
    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|(attribute, _)| attribute == name);
        found.map(|(_, expression)| expression.as_str())
    }

    fn need(&self, name: &str) -> Result<&str> {
        self.attribute(name)
            .with_context(|| format!("`{}` has no {name}", self.name))
    }

    fn description(&self) -> Result<String> {
        let quoted = self.need("description")?;
        Ok(serde_json::from_str::<String>(quoted)?.replace('|', "\\|"))
    }
}

/// Blocks of one kind with the attributes that stand directly in them.
fn blocks(path: &Path, kind: &str) -> Result<Vec<Block>> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(&format!("{kind} \"")) {
            let name = rest.split('"').next().unwrap_or_default().to_owned();
            blocks.push(Block {
                name,
                attributes: Vec::new(),
            });
            continue;
        }
        let Some(block) = blocks.last_mut() else {
            continue;
        };
        let Some(inner) = line
            .strip_prefix("  ")
            .filter(|inner| !inner.starts_with('#'))
        else {
            continue;
        };
        let starts = inner.starts_with(|c: char| c.is_ascii_lowercase());
        match inner.split_once('=').filter(|_| starts) {
            Some((name, expression)) => {
                let entry = (name.trim().to_owned(), expression.trim().to_owned());
                block.attributes.push(entry);
            }
            // A nested block, such as a validation: kept apart, nobody asks for it.
            None if starts => block.attributes.push((inner.to_owned(), String::new())),
            None => {
                // A further line of the expression above.
                if let Some((_, expression)) = block.attributes.last_mut() {
                    expression.push('\n');
                    expression.push_str(inner);
                }
            }
        }
    }
    ensure!(!blocks.is_empty(), "{} declares nothing", path.display());
    Ok(blocks)
}
