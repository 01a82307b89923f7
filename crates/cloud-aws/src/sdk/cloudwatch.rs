//! CloudWatch's calls.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricAlarm, MetricDatum, StatisticSet, Tag};

use super::failure::failed;
use crate::client::Answer;
use crate::cloudwatch::{Alarm, CloudWatch, Datum, FoundAlarm, Value};

/// The client of one region.
pub(super) struct Client {
    pub(super) sdk: aws_sdk_cloudwatch::Client,
    pub(super) region: String,
}

impl CloudWatch for Client {
    fn put_metrics<'a>(&'a self, namespace: &'a str, data: Vec<Datum>) -> Answer<'a, ()> {
        Box::pin(async move {
            let data = data.into_iter().map(sent_datum).collect();
            let call = self.sdk.put_metric_data().namespace(namespace);
            Box::pin(call.set_metric_data(Some(data)).send())
                .await
                .map_err(|error| failed("cloudwatch:PutMetricData", &self.region, &error))?;
            Ok(())
        })
    }

    fn alarm<'a>(&'a self, name: &'a str) -> Answer<'a, Option<FoundAlarm>> {
        Box::pin(async move {
            let found = Box::pin(self.sdk.describe_alarms().alarm_names(name).send())
                .await
                .map_err(|error| failed("cloudwatch:DescribeAlarms", &self.region, &error))?;
            let alarms = found.metric_alarms.unwrap_or_default();
            Ok(alarms.into_iter().next().map(found_alarm))
        })
    }

    fn put_alarm<'a>(
        &'a self,
        alarm: &'a Alarm,
        tags: &'a BTreeMap<String, String>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let it = alarm.clone();
            let dimensions = it.dimensions.iter().map(dimension).collect();
            let call = self.sdk.put_metric_alarm();
            let call = call
                .alarm_name(it.name)
                .alarm_description(it.description)
                .actions_enabled(it.actions_enabled)
                .set_alarm_actions(Some(it.alarm_actions))
                .set_insufficient_data_actions(Some(it.insufficient_data_actions))
                .set_ok_actions(Some(it.ok_actions))
                .namespace(it.namespace)
                .metric_name(it.metric)
                .set_dimensions(Some(dimensions))
                .set_unit(it.unit.as_deref().map(Into::into))
                .set_statistic(it.statistic.as_deref().map(Into::into))
                .set_extended_statistic(it.extended_statistic)
                .period(it.period_s)
                .evaluation_periods(it.evaluation_periods)
                .set_datapoints_to_alarm(it.datapoints_to_alarm)
                .threshold(it.threshold)
                .comparison_operator(it.comparison_operator.as_str().into())
                .treat_missing_data(it.treat_missing_data)
                .set_tags((!tags.is_empty()).then(|| sent_tags(tags)));
            Box::pin(call.send())
                .await
                .map_err(|error| failed("cloudwatch:PutMetricAlarm", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_alarm<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            match Box::pin(self.sdk.delete_alarms().alarm_names(name).send()).await {
                Ok(_) => Ok(()),
                Err(error) => {
                    let error = failed("cloudwatch:DeleteAlarms", &self.region, &error);
                    if error.is("ResourceNotFound") {
                        return Ok(());
                    }
                    Err(error)
                }
            }
        })
    }

    fn tags<'a>(&'a self, arn: &'a str) -> Answer<'a, BTreeMap<String, String>> {
        Box::pin(async move {
            let found = Box::pin(self.sdk.list_tags_for_resource().resource_arn(arn).send())
                .await
                .map_err(|error| failed("cloudwatch:ListTagsForResource", &self.region, &error))?;
            let tags = found.tags.unwrap_or_default().into_iter();
            Ok(tags
                .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
                .collect())
        })
    }

    fn set_tags<'a>(
        &'a self,
        arn: &'a str,
        set: &'a BTreeMap<String, String>,
        removed: &'a [String],
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            if !removed.is_empty() {
                let call = self.sdk.untag_resource().resource_arn(arn);
                Box::pin(call.set_tag_keys(Some(removed.to_vec())).send())
                    .await
                    .map_err(|error| failed("cloudwatch:UntagResource", &self.region, &error))?;
            }
            if !set.is_empty() {
                let call = self.sdk.tag_resource().resource_arn(arn);
                Box::pin(call.set_tags(Some(sent_tags(set))).send())
                    .await
                    .map_err(|error| failed("cloudwatch:TagResource", &self.region, &error))?;
            }
            Ok(())
        })
    }
}

fn sent_datum(datum: Datum) -> MetricDatum {
    let dimensions = datum.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| dimension((name, value)));
    let sent = MetricDatum::builder()
        .metric_name(datum.name)
        .unit(datum.unit.as_str().into())
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(DateTime::from_millis(datum.at_ms))
        .storage_resolution(datum.resolution_s);
    let sent = match datum.value {
        Value::One(value) => sent.value(value),
        Value::Distribution { values, counts } => {
            sent.set_values(Some(values)).set_counts(Some(counts))
        }
        Value::Statistics {
            count,
            sum,
            minimum,
            maximum,
        } => {
            let set = StatisticSet::builder();
            let set = set.sample_count(count).sum(sum);
            sent.statistic_values(set.minimum(minimum).maximum(maximum).build())
        }
    };
    sent.build()
}

fn dimension((name, value): (&String, &String)) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn sent_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect()
}

fn found_alarm(it: MetricAlarm) -> FoundAlarm {
    let dimensions = it.dimensions.unwrap_or_default().into_iter();
    let word = |it: Option<&str>| it.map(str::to_owned);
    FoundAlarm {
        arn: it.alarm_arn.unwrap_or_default(),
        state: word(it.state_value.as_ref().map(|it| it.as_str())).unwrap_or_default(),
        alarm: Alarm {
            name: it.alarm_name.unwrap_or_default(),
            description: it.alarm_description.unwrap_or_default(),
            actions_enabled: it.actions_enabled.unwrap_or(true),
            alarm_actions: it.alarm_actions.unwrap_or_default(),
            insufficient_data_actions: it.insufficient_data_actions.unwrap_or_default(),
            ok_actions: it.ok_actions.unwrap_or_default(),
            namespace: it.namespace.unwrap_or_default(),
            metric: it.metric_name.unwrap_or_default(),
            dimensions: dimensions
                .map(|it| (it.name.unwrap_or_default(), it.value.unwrap_or_default()))
                .collect(),
            unit: word(it.unit.as_ref().map(|it| it.as_str())),
            statistic: word(it.statistic.as_ref().map(|it| it.as_str())),
            extended_statistic: it.extended_statistic,
            period_s: it.period.unwrap_or_default(),
            evaluation_periods: it.evaluation_periods.unwrap_or_default(),
            datapoints_to_alarm: it.datapoints_to_alarm,
            threshold: it.threshold.unwrap_or_default(),
            comparison_operator: word(it.comparison_operator.as_ref().map(|it| it.as_str()))
                .unwrap_or_default(),
            treat_missing_data: it
                .treat_missing_data
                .unwrap_or_else(|| "missing".to_owned()),
        },
    }
}
