//! A graph as it grows, operation by operation.

use std::collections::HashMap;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};

use super::proto::{
    Attribute, BOOL, Dimension, FLOAT, Graph, INT64, Node, Shape, Size, TensorData, TensorType, Type, Value,
};

/// The sizes of an input or output: names for what differs from call to call.
pub type Sizes<'a> = &'a [Size];

/// The value of a graph: an input, a constant, a parameter, or the result of an operation.
#[derive(Clone, Debug)]
pub struct Name(pub String);

/// A graph with the parameters of a model, which it takes as they are used.
pub struct Builder {
    graph: Graph,
    parameters: HashMap<String, Tensor>,
    constants: HashMap<Vec<u8>, Name>,
}

impl Builder {
    /// No operations yet.
    pub fn new(parameters: HashMap<String, Tensor>) -> Self {
        let graph = Graph { name: "sibert".into(), ..Graph::default() };
        Self { graph, parameters, constants: HashMap::new() }
    }

    /// The graph.
    pub fn finish(self) -> Graph {
        self.graph
    }

    /// Whether the model has a parameter.
    pub fn has(&self, name: &str) -> bool {
        self.parameters.contains_key(name)
    }

    /// A parameter under its name.
    ///
    /// # Errors
    /// If the model has none of this name.
    pub fn parameter(&mut self, name: &str) -> Result<Name> {
        let tensor = self.tensor(name)?;
        self.initializer(name, &tensor)
    }

    /// A matrix (out, in) as (in, out), so that it stands right in a product.
    ///
    /// # Errors
    /// If the model has none of this name.
    pub fn transposed(&mut self, name: &str) -> Result<Name> {
        let tensor = self.tensor(name)?.t()?;
        self.initializer(&format!("{name}.T"), &tensor)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.parameters.get(name).cloned().with_context(|| format!("the model has no {name}"))
    }

    fn initializer(&mut self, name: &str, tensor: &Tensor) -> Result<Name> {
        if !self.graph.initializer.iter().any(|known| known.name == name) {
            let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            self.graph.initializer.push(TensorData {
                dims: tensor.dims().iter().map(|&size| size as i64).collect(),
                data_type: FLOAT,
                name: name.to_owned(),
                raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            });
        }
        Ok(Name(name.to_owned()))
    }

    /// A constant, which occurs once however often it is used.
    pub fn float(&mut self, value: f32) -> Name {
        self.constant(FLOAT, vec![], value.to_le_bytes().into())
    }

    /// The same of whole numbers, a vector.
    pub fn ints(&mut self, values: &[i64]) -> Name {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(INT64, vec![values.len() as i64], bytes)
    }

    /// A single whole number.
    pub fn whole(&mut self, value: i64) -> Name {
        self.constant(INT64, vec![], value.to_le_bytes().into())
    }

    fn constant(&mut self, data_type: i32, dims: Vec<i64>, raw_data: Vec<u8>) -> Name {
        let key = [&data_type.to_le_bytes()[..], &[dims.len() as u8], &raw_data].concat();
        let count = self.constants.len();
        let (initializers, next) = (&mut self.graph.initializer, Name(format!("constant.{count}")));
        let known = self.constants.entry(key).or_insert_with(|| {
            initializers.push(TensorData { dims, data_type, name: next.0.clone(), raw_data });
            next
        });
        known.clone()
    }

    /// A table of numbers (rows, columns), under a name.
    ///
    /// # Errors
    /// Never in practice.
    pub fn table(&mut self, name: &str, values: &Tensor) -> Result<Name> {
        self.initializer(name, values)
    }

    /// The result of an operation.
    pub fn op(&mut self, kind: &str, inputs: &[&Name]) -> Name {
        self.op_with(kind, inputs, vec![])
    }

    /// The result of an operation with constants of its own.
    pub fn op_with(&mut self, kind: &str, inputs: &[&Name], attribute: Vec<Attribute>) -> Name {
        let name = Name(format!("{}.{}", kind.to_lowercase(), self.graph.node.len()));
        self.graph.node.push(Node {
            input: inputs.iter().map(|input| input.0.clone()).collect(),
            output: vec![name.0.clone()],
            name: name.0.clone(),
            op_type: kind.into(),
            attribute,
        });
        name
    }

    /// An input of whole numbers.
    pub fn input(&mut self, name: &str, sizes: Sizes) -> Name {
        self.graph.input.push(value(name, INT64, sizes));
        Name(name.into())
    }

    /// Gives a value the name of an output.
    pub fn output(&mut self, name: &str, result: &Name, sizes: Sizes) {
        let attribute = vec![];
        self.graph.node.push(Node {
            input: vec![result.0.clone()],
            output: vec![name.into()],
            name: name.into(),
            op_type: "Identity".into(),
            attribute,
        });
        self.graph.output.push(value(name, FLOAT, sizes));
    }

    /// A value as numbers of another type.
    pub fn cast(&mut self, x: &Name, to: i32) -> Name {
        self.op_with("Cast", &[x], vec![int("to", i64::from(to))])
    }

    /// Whether numbers are above zero.
    pub fn is_positive(&mut self, x: &Name) -> Name {
        let zero = self.float(0.);
        self.op("Greater", &[x, &zero])
    }

    /// A mask of whole numbers as truth.
    pub fn truth(&mut self, mask: &Name) -> Name {
        self.cast(mask, BOOL)
    }
}

fn value(name: &str, elem_type: i32, sizes: Sizes) -> Value {
    let dim = sizes.iter().map(|size| Dimension { size: Some(size.clone()) }).collect();
    let tensor_type = Some(TensorType { elem_type, shape: Some(Shape { dim }) });
    Value { name: name.into(), r#type: Some(Type { tensor_type }) }
}

/// A whole number of an operation.
pub fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.into(), i, kind: 2, ..Attribute::default() }
}

/// Whole numbers of an operation.
pub fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: ints.to_vec(), kind: 7, ..Attribute::default() }
}

/// A number of an operation.
pub fn float(name: &str, f: f32) -> Attribute {
    Attribute { name: name.into(), f, kind: 1, ..Attribute::default() }
}
