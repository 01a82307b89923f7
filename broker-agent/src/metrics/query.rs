//! Questions to the history: which metrics there are, and what they were.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::catalogue::{self, Dimension, Engine, Metric};
use super::columns::Scope;
use super::rows::Subject;
use super::statistics::{Aggregate, Statistic};
use super::{MINUTE_S, Metrics};

/// Names and values of dimensions.
pub(crate) type Dimensions = BTreeMap<String, String>;

/// A metric that has values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub namespace: &'static str,
    pub name: &'static str,
    pub unit: &'static str,
    pub dimensions: Dimensions,
    pub meaning: &'static str,
}

/// What is asked of a metric.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub namespace: String,
    pub name: String,
    pub dimensions: Dimensions,
    /// From this moment,
    pub start_ms: u64,
    /// up to this one,
    pub end_ms: u64,
    /// in periods of so many seconds, a multiple of 60.
    pub period_s: u32,
    pub statistics: Vec<String>,
}

/// Periods that have values: when each begins, and its statistics in the order asked for.
pub(crate) type Points = Vec<(u64, Vec<f64>)>;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub unit: &'static str,
    pub points: Points,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The named field is wrong.
    #[error("{1}")]
    Invalid(&'static str, String),
    #[error("the history of metrics cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A metric and what it is to be about.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    pub metric: &'static Metric,
    /// One of these it is: a name may be meant in more than one way.
    pub subjects: Vec<Subject>,
}

/// Most periods of one answer, as CloudWatch has it.
const POINTS: u64 = 1440;

impl Metrics {
    /// The metrics of the last minute, those of that vocabulary and name if one is given, and that have
    /// all these dimensions.
    pub(crate) fn list(&self, namespace: &str, name: &str, wanted: &Dimensions) -> Vec<Listed> {
        let (rows, nodes) = (self.last(), self.nodes());
        let engines = [Engine::ActiveMq, Engine::FerryMq, Engine::RabbitMq];
        let engines: Vec<_> = engines
            .into_iter()
            .filter(|engine| namespace.is_empty() || engine.name() == namespace)
            .collect();
        let values = catalogue::values(&rows, &engines);
        let named = values.filter(|(metric, ..)| name.is_empty() || metric.name == name);
        let listed = named.map(|(metric, row, _)| {
            let node = nodes.get(&row.subject.broker).copied().unwrap_or(1);
            let labels = metric.labels(&row.subject, node).into_iter();
            Listed {
                namespace: metric.engine.name(),
                name: metric.name,
                unit: metric.unit.name(),
                dimensions: labels
                    .map(|(name, value)| (name.name().to_owned(), value.to_string()))
                    .collect(),
                meaning: metric.meaning,
            }
        });
        let has = |listed: &Listed| {
            let mut wanted = wanted.iter();
            wanted.all(|(name, value)| listed.dimensions.get(name) == Some(value))
        };
        listed.filter(has).collect()
    }

    /// What a metric was.
    pub(crate) async fn statistics(&self, question: Question) -> Result<Found, Unanswered> {
        let selected = select(&question.namespace, &question.name, &question.dimensions)?;
        let statistics = statistics(&question.statistics)?;
        check_times(&question)?;
        let history = Arc::clone(&self.history);
        let unit = selected.metric.unit.name();
        let read = tokio::task::spawn_blocking(move || {
            let period_ms = u64::from(question.period_s) * 1000;
            let mut periods = BTreeMap::<u64, Aggregate>::new();
            let mut subjects = selected.subjects.clone();
            subjects.push(Subject::host());
            let (start_ms, end_ms) = (question.start_ms, question.end_ms);
            history.read(start_ms, end_ms, &subjects, |rows| {
                let row = selected.subjects.iter().find_map(|it| rows.find(it));
                let host = rows.find(&Subject::host());
                let value = row.and_then(|row| selected.metric.value(row, host, rows.seconds));
                if let Some(value) = value {
                    let begin_ms = rows.at_ms / period_ms * period_ms;
                    periods.entry(begin_ms).or_default().add(&value);
                }
            })?;
            let points = periods.into_iter().filter_map(|(begin_ms, aggregate)| {
                let values = statistics.iter().map(|it| aggregate.get(*it));
                Some((begin_ms, values.collect::<Option<_>>()?))
            });
            Ok::<_, io::Error>(points.collect())
        });
        let points = read.await.map_err(io::Error::other)??;
        Ok(Found { unit, points })
    }
}

/// The metric of that name and dimensions.
pub(crate) fn select(
    namespace: &str,
    name: &str,
    dimensions: &Dimensions,
) -> Result<Selected, Unanswered> {
    let of_name = || {
        let all = catalogue::all().filter(|metric| metric.is_given() && metric.name == name);
        all.filter(|metric| metric.engine.name() == namespace)
    };
    let names = |metric: &Metric| {
        let mut names: Vec<_> = metric.dimensions.iter().map(|it| it.name()).collect();
        names.sort_unstable();
        names
    };
    let Some(metric) = of_name().find(|metric| {
        let asked = dimensions.keys().map(String::as_str);
        asked.eq(names(metric))
    }) else {
        let forms: Vec<_> = of_name().map(|metric| names(metric).join(", ")).collect();
        return Err(match &forms[..] {
            [] => Unanswered::Invalid(
                "name",
                format!("there is no metric {name:?} in namespace {namespace:?}"),
            ),
            forms => Unanswered::Invalid(
                "dimensions",
                format!("metric {name:?} has the dimensions {}", forms.join(" or ")),
            ),
        });
    };
    let subjects = subjects(metric, dimensions);
    Ok(Selected { metric, subjects })
}

/// The statistics of those names.
pub(crate) fn statistics(names: &[String]) -> Result<Vec<Statistic>, Unanswered> {
    if names.is_empty() {
        let sentence = "at least one statistic is needed".to_owned();
        return Err(Unanswered::Invalid("statistics", sentence));
    }
    let parse = |name: &String| {
        Statistic::parse(name).ok_or_else(|| {
            let sentence = format!(
                "statistic {name:?} is none of Average, Maximum, Minimum, SampleCount, Sum, p0 to \
                 p100"
            );
            Unanswered::Invalid("statistics", sentence)
        })
    };
    names.iter().map(parse).collect()
}

fn check_times(question: &Question) -> Result<(), Unanswered> {
    let Question {
        start_ms,
        end_ms,
        period_s,
        ..
    } = question;
    if *period_s == 0 || period_s % MINUTE_S > 0 {
        let sentence = format!("a period is a multiple of {MINUTE_S} seconds");
        return Err(Unanswered::Invalid("period_s", sentence));
    }
    if start_ms >= end_ms {
        let sentence = "the end is not behind the start".to_owned();
        return Err(Unanswered::Invalid("end_ms", sentence));
    }
    let periods = (end_ms - start_ms) / (u64::from(*period_s) * 1000);
    if periods > POINTS {
        let sentence = format!("{periods} periods are asked for, at most {POINTS} are given");
        return Err(Unanswered::Invalid("period_s", sentence));
    }
    Ok(())
}

/// What those dimensions may name.
fn subjects(metric: &Metric, dimensions: &Dimensions) -> Vec<Subject> {
    let is = |dimension: Dimension| dimensions.get(dimension.name()).map(String::as_str);
    let broker = is(Dimension::Broker)
        .or(is(Dimension::BrokerId))
        .unwrap_or_default();
    let broker = match metric.engine {
        // Behind the name is the number of the node.
        Engine::ActiveMq => broker.rsplit_once('-').map_or(broker, |(name, _)| name),
        _ => broker,
    };
    let name = is(Dimension::Queue)
        .or(is(Dimension::Topic))
        .or(is(Dimension::User))
        .or(is(Dimension::Listener))
        .unwrap_or_default();
    let subject = |vhost: &str, name: &str| Subject {
        scope: metric.scope,
        broker: broker.into(),
        vhost: vhost.into(),
        name: name.into(),
    };
    match (metric.engine, metric.scope) {
        (Engine::ActiveMq, Scope::Queue | Scope::Topic) => {
            let slashes = name.match_indices('/').map(|(place, _)| place);
            let within = slashes.map(|place| subject(&name[..place], &name[place + 1..]));
            std::iter::once(subject("/", name)).chain(within).collect()
        }
        _ => vec![subject(
            is(Dimension::VirtualHost).unwrap_or_default(),
            name,
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimensions(pairs: &[(&str, &str)]) -> Dimensions {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn a_metric_is_found_by_all_its_dimensions() {
        let queue = dimensions(&[("Broker", "o"), ("VirtualHost", "v"), ("Queue", "q")]);
        let selected = select("rabbitmq", "MessageCount", &queue).unwrap();
        let [subject] = &selected.subjects[..] else {
            panic!("{selected:?}");
        };
        let Subject {
            scope,
            broker,
            vhost,
            name,
        } = subject;
        assert_eq!(
            (*scope, &**broker, &**vhost, &**name),
            (Scope::Queue, "o", "v", "q")
        );
        let sentence = |name, dimensions: &Dimensions| {
            select("rabbitmq", name, dimensions)
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(sentence("MessageCounts", &queue), @r#"there is no metric "MessageCounts" in namespace "rabbitmq""#);
        insta::assert_snapshot!(sentence("MessageCount", &Dimensions::new()), @r#"metric "MessageCount" has the dimensions Broker or Broker, Queue, VirtualHost"#);
    }

    #[test]
    fn activemqs_names_may_mean_a_virtual_host() {
        let asked = dimensions(&[("Broker", "my-orders-2"), ("Queue", "a/b")]);
        let selected = select("activemq", "QueueSize", &asked).unwrap();
        let named: Vec<_> = selected
            .subjects
            .iter()
            .map(|it| (&*it.broker, &*it.vhost, &*it.name))
            .collect();
        assert_eq!(named, [("my-orders", "/", "a/b"), ("my-orders", "a", "b")]);
    }
}
