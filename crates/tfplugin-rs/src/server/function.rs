//! CallFunction.

use super::{Server, caught};
use crate::counted::counted;
use crate::diagnostics::Diagnostics;
use crate::function::{FunctionError, Parameter};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::call_function::{Request, Response};
use crate::provider::Provider;
use crate::value::Value;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) async fn call(&self, request: Request) -> Response {
        match self.try_call(&request).await {
            Ok(result) => Response {
                result: Some(result),
                error: None,
            },
            Err(error) => Response {
                result: None,
                error: Some(proto::FunctionError {
                    text: error.text,
                    function_argument: error.argument,
                }),
            },
        }
    }

    async fn try_call(&self, request: &Request) -> Result<DynamicValue, FunctionError> {
        let entry = self
            .catalog
            .functions
            .get(request.name.as_str())
            .ok_or_else(|| {
                FunctionError::new(format!("This provider has no function {:?}.", request.name))
            })?;
        let parameters = &entry.signature.parameters;
        let (sent, given) = (&request.arguments, request.arguments.len());
        if given < parameters.len()
            || (given > parameters.len() && entry.signature.variadic.is_none())
        {
            let needed = counted(parameters.len(), "argument");
            return Err(FunctionError::new(format!(
                "This function takes {needed}{}, not {given}.",
                entry.signature.variadic.as_ref().map_or("", |_| " or more"),
            )));
        }
        let (fixed, further) = sent.split_at(parameters.len());
        let mut values = Vec::with_capacity(parameters.len() + 1);
        for (index, (parameter, sent)) in parameters.iter().zip(fixed).enumerate() {
            values.push(read(index, sent, parameter)?);
        }
        if let Some(variadic) = &entry.signature.variadic {
            let indexed = (parameters.len()..).zip(further);
            let elements = indexed.map(|(index, sent)| read(index, sent, variadic));
            values.push(Value::Tuple(elements.collect::<Result<_, _>>()?));
        }
        // The guard is for futures; an error inside keeps its own form.
        let result = caught(async { Ok(entry.object.call(values)) }).await;
        let value = result.map_err(told)??;
        wire::encode(&value, &entry.output, "a result").map_err(told)
    }
}

fn read(index: usize, sent: &DynamicValue, parameter: &Parameter) -> Result<Value, FunctionError> {
    let value = wire::decode(Some(sent), &parameter.ty, "the argument").map_err(|diagnostics| {
        FunctionError {
            argument: i64::try_from(index).ok(),
            ..told(diagnostics)
        }
    })?;
    parameter.check(index, &value)?;
    Ok(value)
}

/// Functions have no diagnostics, only one text, and whoever shows it says that it is an error.
fn told(diagnostics: Diagnostics) -> FunctionError {
    let text = diagnostics.to_string();
    FunctionError::new(text.strip_prefix("error: ").unwrap_or(&text))
}
