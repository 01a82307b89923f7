//! Lists in pages, ordered by a key that is also the place where the next page begins.

use agent_api::Failure;
use agent_api::v1::Reason;
use prost::Message;

/// Objects of a page when the caller does not say.
const PAGE: usize = 1000;

/// Objects of a page at most.
const PAGE_MAX: usize = 10_000;

/// Bytes of a page, roughly: far below what callers accept, whatever the objects weigh.
const PAGE_MAX_BYTES: usize = 16 << 20;

/// An object's place in a list: its name parts from the outermost to the innermost.
pub(super) type Key = Vec<String>;

/// One page.
#[derive(Debug)]
pub(super) struct Page<M> {
    /// Its objects in order.
    pub objects: Vec<M>,
    /// Where the next page begins; empty on the last one.
    pub next: String,
}

/// The page that begins behind the place `token` names.
pub(super) fn page<T, M: Message>(
    mut items: Vec<(Key, T)>,
    size: u32,
    token: &str,
    show: impl Fn(T) -> M,
) -> Result<Page<M>, Failure> {
    let size = match usize::try_from(size) {
        Ok(0) => PAGE,
        size => size.unwrap_or(PAGE_MAX).min(PAGE_MAX),
    };
    if !token.is_empty() {
        let behind: Key = serde_json::from_str(token).map_err(|_| {
            let sentence = "page_token is not one this agent gave out; begin without one";
            Failure::new(Reason::Invalid, sentence).at("page_token")
        })?;
        items.retain(|(key, _)| *key > behind);
    }
    items.sort_by(|(one, _), (other, _)| one.cmp(other));

    let total = items.len();
    let (mut objects, mut bytes, mut last) = (Vec::new(), 0, Key::new());
    for (key, item) in items {
        let object = show(item);
        bytes += object.encoded_len();
        objects.push(object);
        last = key;
        if objects.len() == size || bytes >= PAGE_MAX_BYTES {
            break;
        }
    }
    let next = if objects.len() == total {
        String::new()
    } else {
        serde_json::to_string(&last).expect("a list of texts is always JSON")
    };
    Ok(Page { objects, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(names: &[&str]) -> Vec<(Key, String)> {
        names
            .iter()
            .map(|name| (vec!["/".to_owned(), (*name).to_owned()], (*name).to_owned()))
            .collect()
    }

    #[test]
    fn pages_cover_everything_once_and_in_order() {
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = page(items(&["c", "a", "\"", "b"]), 2, &token, |name| name).unwrap();
            seen.extend(page.objects);
            token = page.next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["\"", "a", "b", "c"]);
    }

    #[test]
    fn an_object_that_went_is_not_missed_as_a_place() {
        let first = page(items(&["a", "b", "d"]), 2, "", |name| name).unwrap();
        let second = page(items(&["a", "c", "d"]), 2, &first.next, |name| name).unwrap();
        assert_eq!(second.objects, ["c", "d"]);
        assert_eq!(second.next, "");
    }

    #[test]
    fn heavy_objects_make_short_pages() {
        let heavy = || vec![0_u8; PAGE_MAX_BYTES / 2];
        let items = (0..5)
            .map(|number| (vec![number.to_string()], heavy()))
            .collect();
        assert_eq!(page(items, 0, "", |heavy| heavy).unwrap().objects.len(), 2);
    }

    #[test]
    fn a_foreign_token_is_refused() {
        let error = page(items(&["a"]), 0, "17", |name| name).unwrap_err();
        assert_eq!(error.field, "page_token");
    }
}
