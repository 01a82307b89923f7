//! Pages: front matter, description, examples, schema, import.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use super::templates::{Parts, guides, refuse_unused, template_of};
use super::{Docs, MARKER, markdown};
use crate::proto::tfplugin6::schema::Block;
use crate::proto::tfplugin6::{Function, Schema};

pub(super) fn render(docs: &Docs, examples: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut pages = Pages {
        docs,
        examples,
        written: BTreeMap::new(),
    };
    pages.provider()?;
    let schema = &docs.schema;
    pages.each(&schema.resource_schemas, &RESOURCES, |schema| {
        schema.block.as_ref()
    })?;
    pages.each(&schema.data_source_schemas, &DATA_SOURCES, |schema| {
        schema.block.as_ref()
    })?;
    pages.each(&schema.ephemeral_resource_schemas, &EPHEMERAL, |schema| {
        schema.block.as_ref()
    })?;
    pages.each(&schema.list_resource_schemas, &LISTS, |schema| {
        schema.block.as_ref()
    })?;
    pages.each(&schema.action_schemas, &ACTIONS, |action| {
        action
            .schema
            .as_ref()
            .and_then(|schema| schema.block.as_ref())
    })?;
    for (name, function) in &schema.functions {
        pages.function(name, function)?;
    }
    let mut written = pages.written;
    if let Some(directory) = &docs.templates {
        refuse_unused(directory, &written)?;
        written.extend(guides(directory)?);
    }
    Ok(written)
}

/// What is particular to one kind of page.
struct Kind {
    /// In titles.
    title: &'static str,
    /// Of pages and of examples.
    directory: &'static str,
    /// The main example without its extension.
    example: &'static str,
    extension: &'static str,
}

const RESOURCES: Kind = Kind {
    title: "Resource",
    directory: "resources",
    example: "resource",
    extension: ".tf",
};
const DATA_SOURCES: Kind = Kind {
    title: "Data Source",
    directory: "data-sources",
    example: "data-source",
    extension: ".tf",
};
const EPHEMERAL: Kind = Kind {
    title: "Ephemeral Resource",
    directory: "ephemeral-resources",
    example: "ephemeral-resource",
    extension: ".tf",
};
const LISTS: Kind = Kind {
    title: "List Resource",
    directory: "list-resources",
    example: "list-resource",
    extension: ".tfquery.hcl",
};
const ACTIONS: Kind = Kind {
    title: "Action",
    directory: "actions",
    example: "action",
    extension: ".tf",
};
const FUNCTIONS: Kind = Kind {
    title: "function",
    directory: "functions",
    example: "function",
    extension: ".tf",
};
const PROVIDER: Kind = Kind {
    title: "Provider",
    directory: "provider",
    example: "provider",
    extension: ".tf",
};

struct Pages<'a> {
    docs: &'a Docs,
    examples: &'a Path,
    written: BTreeMap<PathBuf, String>,
}

impl Pages<'_> {
    fn provider(&mut self) -> io::Result<()> {
        let block = self
            .docs
            .schema
            .provider
            .as_ref()
            .and_then(|schema: &Schema| schema.block.as_ref());
        let description = block.map_or("", |block| block.description.trim());
        let name = self.docs.name;
        self.insert(
            "index.md".into(),
            &Parts {
                name,
                kind: PROVIDER.title,
                heading: format!("{name} Provider"),
                front_matter: front_matter(&format!("{name} Provider"), false, description),
                description,
                usage: usage(&self.examples.join(PROVIDER.directory), &PROVIDER)?,
                schema: markdown::schema(block),
                import: String::new(),
            },
        )
    }

    fn each<T>(
        &mut self,
        entries: &HashMap<String, T>,
        kind: &Kind,
        block: impl Fn(&T) -> Option<&Block>,
    ) -> io::Result<()> {
        for (name, entry) in entries {
            let block = block(entry);
            let description = block.map_or("", |block| block.description.trim());
            let title = format!("{name} {} - {}", kind.title, self.docs.name);
            let examples = self.examples.join(kind.directory).join(name);
            let import = if kind.title == RESOURCES.title {
                self.import(name, &examples)?
            } else {
                String::new()
            };
            let parts = Parts {
                name,
                kind: kind.title,
                heading: format!("{name} ({})", kind.title),
                front_matter: front_matter(&title, true, description),
                description,
                usage: usage(&examples, kind)?,
                schema: markdown::schema(block),
                import,
            };
            self.insert(self.path(kind, name), &parts)?;
        }
        Ok(())
    }

    fn path(&self, kind: &Kind, name: &str) -> PathBuf {
        let prefix = format!("{}_", self.docs.name);
        let short = name.strip_prefix(&prefix).unwrap_or(name);
        Path::new(kind.directory).join(format!("{short}.md"))
    }

    /// Adds a page, by its template if there is one.
    fn insert(&mut self, path: PathBuf, parts: &Parts<'_>) -> io::Result<()> {
        let template = match &self.docs.templates {
            Some(directory) => template_of(directory, &path)?,
            None => None,
        };
        let page = match template {
            Some(template) => parts.fill(&template, self.docs.name).map_err(|unknown| {
                let path = path.display();
                io::Error::other(format!("the template of {path} says {unknown}"))
            })?,
            None => parts.page(),
        };
        self.written.insert(path, page);
        Ok(())
    }

    fn function(&mut self, name: &str, function: &Function) -> io::Result<()> {
        let title = format!("{name} {} - {}", FUNCTIONS.title, self.docs.name);
        let mut schema = format!("## Signature\n\n{}", markdown::signature(name, function));
        let arguments = markdown::arguments(function);
        if !arguments.is_empty() {
            let _ = write!(schema, "\n\n## Arguments\n\n{arguments}");
        }
        let examples = self.examples.join(FUNCTIONS.directory).join(name);
        let parts = Parts {
            name,
            kind: FUNCTIONS.title,
            heading: format!("{}: {name}", FUNCTIONS.title),
            front_matter: front_matter(&title, true, &function.summary),
            description: function.description.trim(),
            usage: usage(&examples, &FUNCTIONS)?,
            schema,
            import: String::new(),
        };
        self.insert(self.path(&FUNCTIONS, name), &parts)
    }

    /// How a resource is imported, as far as examples tell.
    fn import(&self, name: &str, examples: &Path) -> io::Result<String> {
        const BLOCK: &str =
            "the [`import` block](https://developer.hashicorp.com/terraform/language/import)";
        let mut section = String::new();
        if let Some(example) = example(&examples.join("import-by-identity.tf"), "terraform")? {
            let _ = write!(
                section,
                "\n\nIn Terraform v1.12.0 and later, {BLOCK} can be used with the `identity` \
                 attribute, for example:\n\n{example}"
            );
            if let Some(identity) = self.docs.identities.identity_schemas.get(name) {
                let schema = markdown::identity(&identity.identity_attributes);
                let _ = write!(section, "\n\n{schema}");
            }
        }
        if let Some(example) = example(&examples.join("import-by-string-id.tf"), "terraform")? {
            let _ = write!(
                section,
                "\n\nIn Terraform v1.5.0 and later, {BLOCK} can be used with the `id` attribute, \
                 for example:\n\n{example}"
            );
        }
        if let Some(example) = example(&examples.join("import.sh"), "shell")? {
            let _ = write!(
                section,
                "\n\nThe [`terraform import` command](https://developer.hashicorp.com/terraform/cli/\
                 commands/import) can be used, for example:\n\n{example}"
            );
        }
        if section.is_empty() {
            return Ok(section);
        }
        Ok(format!(
            "## Import\n\nImport is supported using the following syntax:{section}"
        ))
    }
}

fn front_matter(title: &str, in_category: bool, description: &str) -> String {
    let category = if in_category {
        "subcategory: \"\"\n"
    } else {
        ""
    };
    let mut lines = String::new();
    for line in plain(description).trim().lines() {
        lines += format!("  {line}").trim_end();
        lines += "\n";
    }
    format!("---\n{MARKER}\npage_title: \"{title}\"\n{category}description: |-\n{lines}---\n")
}

/// The section "Example Usage": the main example, and those whose names continue it.
fn usage(directory: &Path, kind: &Kind) -> io::Result<String> {
    let mut files = Vec::new();
    if directory.is_dir() {
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(kind.extension);
            let rest = stem.and_then(|stem| stem.strip_prefix(kind.example));
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_')) {
                files.push(name);
            }
        }
    }
    // The main example is the shortest name.
    files.sort_by_key(|name| {
        (
            name.len() > kind.example.len() + kind.extension.len(),
            name.clone(),
        )
    });
    let mut section = String::new();
    for file in files {
        if let Some(example) = example(&directory.join(file), "terraform")? {
            let _ = write!(section, "\n\n{example}");
        }
    }
    if section.is_empty() {
        return Ok(section);
    }
    Ok(format!("## Example Usage{section}"))
}

/// A file as a code block, if it is there.
fn example(path: &Path, language: &str) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(format!("```{language}\n{}\n```", text.trim()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Markdown without its marks: front matter is shown as it is.
fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(at) = rest.find(['`', '*', '[']) {
        out += &rest[..at];
        let mark = &rest[at..];
        rest = match link(mark) {
            Some((text, after)) => {
                out += &plain(text);
                after
            }
            None if mark.starts_with('[') => {
                out.push('[');
                &mark[1..]
            }
            None => &mark[1..],
        };
    }
    out + rest
}

/// The text of `[text](target)` at the start, and what comes after.
fn link(markdown: &str) -> Option<(&str, &str)> {
    let (text, after) = markdown.strip_prefix('[')?.split_once(']')?;
    let (_, after) = after.strip_prefix('(')?.split_once(')')?;
    Some((text, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_lose_their_marks() {
        for (markdown, text) in [
            ("plain", "plain"),
            ("`code` and **bold**", "code and bold"),
            (
                "see [the `x` page](https://e.com/a(b) for more",
                "see the x page for more",
            ),
            ("a [list] of [x", "a [list] of [x"),
        ] {
            assert_eq!(plain(markdown), text);
        }
    }
}
