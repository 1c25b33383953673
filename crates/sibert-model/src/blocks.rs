//! The parameters of a model in blocks: what a rule that treats matrices as matrices moves together.
//!
//! The layers say which of their parameters belong together and how, as they know it by their types; names play no part.

use std::collections::HashMap;

use candle_core::{Result, TensorId, Var, bail};

/// The kind of a block, for a training rule that treats matrices as matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// A weight (out, in), and after it its bias (out) if it has one, which is one more column.
    Matrix,
    /// A weight (heads · width, in) of so many heads, one below the other: of queries, keys or values.
    HeadRows(usize),
    /// A weight (out, heads · width) of so many heads, one beside the other: of an attention's output.
    HeadColumns(usize),
    /// A table (n, d) whose rows are looked up.
    Table,
    /// Vectors that belong together, taken as one.
    Whole,
}

/// Parameters that a rule moves together.
#[derive(Clone, Debug)]
pub struct Block {
    /// Their kind.
    pub kind: BlockKind,
    /// Their names and variables: a weight before its bias.
    pub vars: Vec<(String, Var)>,
}

/// A block as a layer knows it, before its parameters have names.
pub(crate) struct Group {
    kind: BlockKind,
    ids: Vec<TensorId>,
}

impl Group {
    /// A weight (out, in), alone or followed by its bias (out).
    pub fn matrix(ids: impl Into<Vec<TensorId>>) -> Self {
        Self { kind: BlockKind::Matrix, ids: ids.into() }
    }

    /// A weight of heads (heads · width, in).
    pub fn head_rows(heads: usize, id: TensorId) -> Self {
        Self { kind: BlockKind::HeadRows(heads), ids: vec![id] }
    }

    /// A weight of heads (out, heads · width).
    pub fn head_columns(heads: usize, id: TensorId) -> Self {
        Self { kind: BlockKind::HeadColumns(heads), ids: vec![id] }
    }

    /// A table of rows.
    pub fn table(id: TensorId) -> Self {
        Self { kind: BlockKind::Table, ids: vec![id] }
    }

    /// Numbers that are one vector together.
    pub fn whole(ids: impl Into<Vec<TensorId>>) -> Self {
        Self { kind: BlockKind::Whole, ids: ids.into() }
    }
}

/// The blocks of `parameters`, in their order.
///
/// # Errors
/// If a parameter is in no group or in two, which it names, or a group has what is no parameter.
pub(crate) fn of_groups(groups: Vec<Group>, parameters: &[(String, Var)]) -> Result<Vec<Block>> {
    let places: HashMap<_, _> = parameters.iter().enumerate().map(|(i, (_, var))| (var.id(), i)).collect();
    let mut found = vec![false; parameters.len()];
    let mut blocks = Vec::with_capacity(groups.len());
    for Group { kind, ids } in groups {
        let mut members = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(&place) = places.get(&id) else { bail!("a {kind:?} has a tensor that is no parameter") };
            if std::mem::replace(&mut found[place], true) {
                bail!("the parameter `{}` is in two blocks", parameters[place].0)
            }
            members.push(place);
        }
        blocks.push((kind, members));
    }
    if let Some(place) = found.iter().position(|found| !found) {
        bail!("the parameter `{}` is in no block", parameters[place].0)
    }
    blocks.sort_by_key(|(_, members)| members.first().copied());
    let block = |(kind, members): (_, Vec<usize>)| {
        let vars = members.into_iter().map(|place| parameters[place].clone()).collect();
        Block { kind, vars }
    };
    Ok(blocks.into_iter().map(block).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::{FineTuning, HeadKind, ModelConfig, ModelType, PreTraining};

    const ARCHITECTURES: [ModelType; 2] = [ModelType::Sibert, ModelType::Bert];

    fn model(model_type: ModelType, next_sentence_prediction: bool) -> PreTraining {
        let tiny = ModelConfig::preset(model_type, "tiny").unwrap();
        let config = ModelConfig { vocab_size: 11, next_sentence_prediction, ..tiny };
        PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap()
    }

    fn names(blocks: &[Block]) -> Vec<&str> {
        blocks.iter().flat_map(|block| &block.vars).map(|(name, _)| name.as_str()).collect()
    }

    fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
        list.sort();
        list
    }

    /// Kind and names, without what the names begin with.
    fn summary(blocks: &[Block], root: &str) -> Vec<(BlockKind, String)> {
        let short = |(name, _): &(String, Var)| name.strip_prefix(root).unwrap().to_string();
        let line = |block: &Block| (block.kind, block.vars.iter().map(short).collect::<Vec<_>>().join(" "));
        blocks.iter().filter(|block| block.vars[0].0.starts_with(root)).map(line).collect()
    }

    #[test]
    fn blocks_partition_the_parameters() {
        for (model_type, pairs) in ARCHITECTURES.into_iter().flat_map(|m| [(m, false), (m, true)]) {
            let model = model(model_type, pairs);
            for (blocks, parameters) in [
                (model.encoder_blocks(), model.encoder_parameters()),
                (model.head_blocks(), model.head_parameters()),
            ] {
                let expected = parameters.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(sorted(names(&blocks)), sorted(expected), "{model_type:?}, {pairs}");
            }
        }
    }

    #[test]
    fn blocks_of_a_tuned_model_partition_its_parameters() {
        for (model_type, head) in ARCHITECTURES
            .into_iter()
            .flat_map(|m| [HeadKind::Classes(3), HeadKind::Span, HeadKind::Tokens(3)].map(|head| (m, head)))
        {
            let checkpoint = model(model_type, true);
            let tensors = checkpoint.parameters().into_iter().map(|(n, v)| (n, v.as_detached_tensor()));
            let (config, device) = (checkpoint.config(), Device::Cpu);
            let (model, _) =
                FineTuning::load(config, head, false, tensors.collect(), 1, DType::F32, &device).unwrap();
            let blocks = [model.encoder_blocks(), model.head_blocks()].concat();
            let parameters = model.parameters();
            let expected = parameters.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(sorted(names(&blocks)), sorted(expected), "{model_type:?}, {head}");
            assert!(model.head_blocks().iter().all(|block| block.kind == BlockKind::Matrix));
        }
    }

    #[test]
    fn kinds_and_order_are_those_of_the_layers() {
        use BlockKind::{HeadColumns, HeadRows, Matrix, Table, Whole};
        let of = |kind: BlockKind, names: &str| (kind, names.to_string());
        let model = model(ModelType::Sibert, true);
        let encoder = model.encoder_blocks();
        assert_eq!(
            summary(&encoder, "sibert.embeddings."),
            [
                of(Table, "word_embeddings.weight"),
                of(Table, "position_embeddings.weight"),
                of(Whole, "token_type_embeddings.weight"),
                of(Whole, "LayerNorm.weight LayerNorm.bias"),
                of(Matrix, "projection.weight"),
            ]
        );
        assert_eq!(
            summary(&encoder, "sibert.encoder.layer.1."),
            [
                of(HeadRows(2), "attention.self.query.weight"),
                of(HeadRows(2), "attention.self.key.weight"),
                of(HeadRows(2), "attention.self.value.weight"),
                of(HeadColumns(2), "attention.output.dense.weight"),
                of(Matrix, "intermediate.dense.weight intermediate.dense.bias"),
                of(Matrix, "output.dense.weight"),
            ]
        );
        assert_eq!(
            summary(&model.head_blocks(), "cls."),
            [
                of(Matrix, "predictions.transform.dense.weight predictions.transform.dense.bias"),
                of(Whole, "predictions.transform.LayerNorm.weight predictions.transform.LayerNorm.bias"),
                of(Matrix, "predictions.decoder.weight predictions.decoder.bias"),
                of(Matrix, "pooler.dense.weight pooler.dense.bias"),
                of(Matrix, "seq_relationship.weight seq_relationship.bias"),
            ]
        );
    }

    #[test]
    fn a_token_table_that_is_the_decoder_is_a_matrix() {
        let tiny = ModelConfig::preset(ModelType::Sibert, "tiny").unwrap();
        let config = ModelConfig { vocab_size: 11, tie_word_embeddings: Some(true), ..tiny };
        let model = PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap();
        let table = &model.encoder_blocks()[0];
        assert_eq!(
            (table.kind, table.vars[0].0.as_str()),
            (BlockKind::Matrix, "sibert.embeddings.word_embeddings.weight")
        );
        let transform = ["dense.weight", "dense.bias", "LayerNorm.weight", "LayerNorm.bias"];
        let transform = transform.map(|name| format!("cls.predictions.transform.{name}"));
        assert_eq!(names(&model.head_blocks()), transform);
        let tensors = model.parameters().into_iter().map(|(name, var)| (name, var.as_detached_tensor()));
        let (tensors, head) = (tensors.collect(), HeadKind::Classes(2));
        let (tuned, _) =
            FineTuning::load(&config, head, false, tensors, 1, DType::F32, &Device::Cpu).unwrap();
        assert_eq!(tuned.encoder_blocks()[0].kind, BlockKind::Table);
    }

    #[test]
    fn the_bias_of_a_tied_decoder_is_a_block_of_its_own() {
        let heads = model(ModelType::Bert, false).head_blocks();
        let last = heads.last().unwrap();
        assert_eq!((last.kind, names(&heads[2..])), (BlockKind::Whole, vec!["cls.predictions.bias"]));
    }

    #[test]
    fn parameters_in_no_block_or_in_two_are_named() {
        let vars = model(ModelType::Sibert, false).head_parameters();
        let id = |i: usize| vars[i].1.id();
        let error = |groups| of_groups(groups, &vars[..2]).unwrap_err().to_string();
        let message = error(vec![Group::matrix([id(0)])]);
        let expected = format!("the parameter `{}` is in no block", vars[1].0);
        assert!(message.starts_with(&expected), "{message}");
        let message = error(vec![Group::matrix([id(0), id(1)]), Group::whole([id(1)])]);
        let expected = format!("the parameter `{}` is in two blocks", vars[1].0);
        assert!(message.starts_with(&expected), "{message}");
        let message = error(vec![Group::table(id(2))]);
        assert!(message.starts_with("a Table has a tensor that is no parameter"), "{message}");
    }
}
