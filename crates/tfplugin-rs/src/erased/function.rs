//! Functions.

use crate::function::{Arguments, Function, FunctionError, Signature};
use crate::model::Field;
use crate::value::{Type, Value};

pub(crate) trait FunctionObject: Send + Sync {
    fn signature(&self) -> Signature;
    fn output_type(&self) -> Type;
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

pub(crate) struct TypedFunction<F>(pub(crate) F);

impl<F: Function> FunctionObject for TypedFunction<F> {
    fn signature(&self) -> Signature {
        F::Arguments::signature()
    }

    fn output_type(&self) -> Type {
        F::Output::shape().ty()
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let arguments = F::Arguments::from_values(arguments)?;
        Ok(self.0.call(arguments)?.to_value())
    }
}
