//! Pages laid out by hand, and guides: what `tfplugindocs` users keep in `templates`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::MARKER;

/// What a page is made of.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// The type, or the function's name.
    pub(super) name: &'a str,
    /// What it is, as in "Data Source".
    pub(super) kind: &'static str,
    /// The heading without its mark.
    pub(super) heading: String,
    /// The whole front matter.
    pub(super) front_matter: String,
    pub(super) description: &'a str,
    /// The section "Example Usage", and so on; empty if there is nothing to say.
    pub(super) usage: String,
    pub(super) schema: String,
    pub(super) import: String,
}

impl Parts<'_> {
    /// The page as it is without a template.
    pub(super) fn page(&self) -> String {
        let mut page = format!("{}\n# {}\n", self.front_matter, self.heading);
        for text in [self.description, &self.usage, &self.schema, &self.import] {
            if !text.is_empty() {
                page += &format!("\n{text}\n");
            }
        }
        page
    }

    fn placeholder(&self, name: &str, provider: &str) -> Option<String> {
        Some(match name {
            ".Name" => self.name.to_owned(),
            ".Type" => self.kind.to_owned(),
            ".ProviderShortName" | ".ProviderName" => provider.to_owned(),
            ".Description" => self.description.to_owned(),
            ".ExampleUsage" => self.usage.clone(),
            ".SchemaMarkdown" => self.schema.clone(),
            ".Import" => self.import.clone(),
            _ => return None,
        })
    }

    /// A template with its placeholders filled in; the placeholder that means nothing otherwise.
    pub(super) fn fill(&self, template: &str, provider: &str) -> Result<String, String> {
        let (mut page, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, after)) = after.split_once("}}") else {
                break;
            };
            // What is filled in is trimmed, so this filter changes nothing.
            let name = inside.trim().trim_end_matches("trimspace").trim_end();
            let name = name.strip_suffix('|').unwrap_or(name).trim_end();
            page += before;
            page += &self
                .placeholder(name, provider)
                .ok_or_else(|| format!("{{{{{inside}}}}}"))?;
            rest = after;
        }
        Ok(marked(&(page + rest)))
    }
}

/// The template of a page, if there is one: `resources/file.md.tmpl` for `resources/file.md`.
pub(super) fn template_of(directory: &Path, page: &Path) -> io::Result<Option<String>> {
    let path = directory.join(page).with_added_extension("tmpl");
    match std::fs::read_to_string(path) {
        Ok(template) => Ok(Some(template)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error for the first template below `directory` that is of none of these pages.
pub(super) fn refuse_unused(directory: &Path, pages: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    for path in files_below(directory)? {
        let page = path.strip_prefix(directory).unwrap_or(&path);
        let is_template = page
            .extension()
            .is_some_and(|extension| extension == "tmpl");
        if is_template && !pages.contains_key(&page.with_extension("")) {
            let path = path.display();
            return Err(io::Error::other(format!(
                "{path} is the template of no page"
            )));
        }
    }
    Ok(())
}

/// All files in a directory and its subdirectories, sorted.
fn files_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(named)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The guides, each by its path below the documentation's directory.
pub(super) fn guides(directory: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut guides = BTreeMap::new();
    let directory = directory.join("guides");
    if !directory.is_dir() {
        return Ok(guides);
    }
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|e| e == "md"))
        {
            let text = std::fs::read_to_string(&path)?;
            guides.insert(Path::new("guides").join(name), marked(&text));
        }
    }
    Ok(guides)
}

/// With the marker in its front matter, which it is given if it has none.
fn marked(page: &str) -> String {
    let front_matter = page.strip_prefix("---").and_then(|rest| {
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        rest.strip_prefix('\n')
    });
    match front_matter {
        Some(rest) => format!("---\n{MARKER}\n{rest}"),
        None => format!("---\n{MARKER}\n---\n\n{page}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts<'static> {
        Parts {
            name: "notes_file",
            kind: "Resource",
            heading: "notes_file (Resource)".to_owned(),
            front_matter: "---\npage_title: \"x\"\n---\n".to_owned(),
            description: "A note.",
            schema: "## Schema".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (template, page) in [
            ("", ""),
            ("no placeholder", "no placeholder"),
            ("# {{.Name}} ({{ .Type }})", "# notes_file (Resource)"),
            ("{{ .Description | trimspace }}\n", "A note.\n"),
            ("{{ .SchemaMarkdown|trimspace }}", "## Schema"),
            ("of {{ .ProviderName }}: [{{ .Import }}]", "of notes: []"),
            ("an open {{ .Name", "an open {{ .Name"),
            ("----", "----"),
        ] {
            let page = format!("---\n# generated by tfplugin-rs\n---\n\n{page}");
            assert_eq!(parts().fill(template, "notes"), Ok(page), "{template}");
        }
    }

    #[test]
    fn the_marker_leads_the_front_matter() {
        for (template, page) in [
            (
                "---\ntitle: {{ .Name }}\n---\n",
                "---\n# generated by tfplugin-rs\ntitle: notes_file\n---\n",
            ),
            (
                "---\r\na: b\r\n---",
                "---\n# generated by tfplugin-rs\na: b\r\n---",
            ),
        ] {
            assert_eq!(parts().fill(template, "notes").as_deref(), Ok(page));
        }
    }

    #[test]
    fn a_placeholder_that_means_nothing_is_named() {
        for (template, unknown) in [
            ("{{ .Nmae }}", "{{ .Nmae }}"),
            ("{{ .Name }}{{ tffile \"x.tf\" }}", "{{ tffile \"x.tf\" }}"),
            ("{{}}", "{{}}"),
        ] {
            assert_eq!(parts().fill(template, "notes"), Err(unknown.to_owned()));
        }
    }

    #[test]
    fn parts_that_say_nothing_leave_no_gap() {
        let page =
            "---\npage_title: \"x\"\n---\n\n# notes_file (Resource)\n\nA note.\n\n## Schema\n";
        assert_eq!(parts().page(), page);
    }

    #[test]
    fn templates_and_guides_are_found_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        assert_eq!(guides(directory.path()).unwrap(), BTreeMap::new());
        std::fs::create_dir_all(at("guides")).unwrap();
        std::fs::create_dir_all(at("resources")).unwrap();
        std::fs::write(at("guides/start.md"), "---\na: b\n---\nStart.\n").unwrap();
        std::fs::write(at("guides/picture.png"), "not text").unwrap();
        std::fs::write(at("resources/file.md.tmpl"), "mine").unwrap();
        let found = guides(directory.path()).unwrap();
        let start = "---\n# generated by tfplugin-rs\na: b\n---\nStart.\n".to_owned();
        assert_eq!(found, BTreeMap::from([("guides/start.md".into(), start)]));
        let template = |page: &str| template_of(directory.path(), Path::new(page)).unwrap();
        assert_eq!(template("resources/file.md").as_deref(), Some("mine"));
        assert_eq!(template("resources/other.md"), None);
        assert_eq!(template("index.md"), None);
    }
}
