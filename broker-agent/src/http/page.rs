//! The overview as one self-contained HTML page.

use std::fmt::Write as _;

use super::overview::{Broker, Overview, Replication};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;\
    padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;\
    padding:.4rem .6rem;border-bottom:1px solid #8884;vertical-align:top}td.n,th.n{text-align:right;\
    font-variant-numeric:tabular-nums}.running{color:#16803c}.failed{color:#b91c1c}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#eee}}";

const HEADINGS: &str = "<th>Broker<th>State<th>Endpoints<th class=n>Connections<th class=n>Queues\
    <th class=n>Ready<th class=n>Unsettled<th class=n>Consumers";

/// The page.
pub(super) fn html(overview: &Overview) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>FerryMQ</title>\
         <style>{STYLE}</style><h1>FerryMQ agent {}</h1>",
        overview.version
    );
    if overview.brokers.is_empty() {
        page += "<p>No brokers yet.";
        return page;
    }
    page += "<table><thead><tr>";
    page += HEADINGS;
    page += "<tbody>";
    for broker in &overview.brokers {
        row(&mut page, broker);
    }
    page += "</table>";
    page
}

fn row(page: &mut String, broker: &Broker) {
    let Broker {
        name,
        state,
        totals,
        ..
    } = broker;
    let name = escaped(name);
    let endpoints: Vec<_> = broker.endpoints.iter().map(|url| escaped(url)).collect();
    let mut reason = broker.reason.as_deref().map(escaped).unwrap_or_default();
    if broker.journal_damaged > 0 {
        reason += &format!(
            "<span class=failed>journal damaged at {} places, see the log</span>",
            broker.journal_damaged
        );
    }
    if let Some(replication) = &broker.replication {
        pair(&mut reason, replication);
    }
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<tr id=\"{name}\"><td>{name}<td class={state}>{state}<br>{reason}<td>{}<td class=n>{}\
         <td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}",
        endpoints.join("<br>"),
        broker.connections,
        totals.queues,
        totals.ready,
        totals.unsettled,
        totals.consumers,
    );
}

/// What this node of a pair does, below the broker's state.
fn pair(cell: &mut String, replication: &Replication) {
    let state = escaped(&replication.state);
    let in_sync = escaped(&replication.in_sync.join(", "));
    *cell += &format!(
        "<b>{state}</b><br>epoch {}, in sync: {in_sync}<br>lag {:.1} s",
        replication.epoch, replication.replication_lag_seconds
    );
    if !replication.reason.is_empty() {
        *cell += &format!("<br>{}", escaped(&replication.reason));
    }
    for alarm in &replication.alarms {
        *cell += &format!("<br><span class=failed>{}</span>", escaped(alarm));
    }
}

fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, letter| {
            match letter {
                '&' => escaped += "&amp;",
                '<' => escaped += "&lt;",
                '>' => escaped += "&gt;",
                '"' => escaped += "&quot;",
                other => escaped.push(other),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totals::Totals;

    #[test]
    fn what_comes_from_outside_is_text_on_the_page() {
        let broker = Broker {
            name: "a".into(),
            state: "failed",
            reason: Some("<script>&\"".into()),
            replication: Some(Replication {
                state: "active, alone".into(),
                reason: String::new(),
                epoch: 3,
                leader: "mq-a".into(),
                in_sync: vec!["mq-a".into()],
                replication_lag_seconds: 0.0,
                alarms: vec!["bring <mq-b> back".into()],
            }),
            endpoints: Vec::new(),
            connections: 0,
            journal_damaged: 3,
            totals: Totals {
                ready: 7,
                ..Totals::default()
            },
        };
        let page = html(&Overview {
            version: "1",
            brokers: vec![broker],
        });
        assert!(page.contains("&lt;script&gt;&amp;&quot;"), "{page}");
        assert!(page.contains("<td class=n>7"), "{page}");
        assert!(page.contains("damaged at 3 places"), "{page}");
        assert!(page.contains("<b>active, alone</b>"), "{page}");
        assert!(page.contains("bring &lt;mq-b&gt; back"), "{page}");
    }
}
