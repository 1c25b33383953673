//! Opening prepared shards: every file is checked, then mapped.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use rayon::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use sibert_files::durable;

use super::mapped;
use super::stream::Part;
use super::{MANIFEST, Manifest, Side, Stream, TOKENIZER, id_bytes};

/// A prepared corpus, mapped into memory.
#[derive(Debug)]
pub struct Shards {
    folder: PathBuf,
    manifest: Manifest,
    /// Of each shard, what it holds to train and to evaluate on.
    parts: Vec<[Part; 2]>,
}

impl Shards {
    /// Opens a folder of shards after checking the size and digest of every file.
    ///
    /// # Errors
    /// If the folder holds no shards; names a file that is missing, truncated or changed.
    pub fn open(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        ensure!(
            folder.join(MANIFEST).exists(),
            "{shown} is no folder of prepared shards, or its preparation did not finish: it has no {MANIFEST}; make one, \
             or finish it, with sibert prepare --out {shown}"
        );
        let again = |reason: String| anyhow!("{reason}: prepare the shards again with --force");
        let manifest = Manifest::read(folder).map_err(|error| again(format!("{error:#}")))?;
        let files = manifest.shards.iter().map(|shard| (shard.name.as_str(), &shard.file));
        let files: Vec<_> = files.chain([(TOKENIZER, &manifest.tokenizer)]).collect();
        files
            .into_par_iter()
            .try_for_each(|(name, file)| durable::verify(folder, name, file))
            .map_err(|reason| again(format!("{shown}: {reason}")))?;
        let map = |name: &str| {
            map(&folder.join(name), &manifest).with_context(|| format!("{}/{name}", folder.display()))
        };
        let parts = manifest.shards.iter().map(|shard| map(&shard.name)).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), manifest, parts })
    }

    /// The manifest of the shards.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The tokenizer that made the ids.
    pub fn tokenizer(&self) -> PathBuf {
        self.folder.join(TOKENIZER)
    }

    /// One side of a source, or of all sources one after the other.
    pub fn stream(&self, source: Option<usize>, side: Side) -> Stream {
        let wanted = |shard: usize| source.is_none_or(|source| self.manifest.shards[shard].source == source);
        let side = match side {
            Side::Train => 0,
            Side::HeldOut => 1,
        };
        let parts = (0..self.parts.len()).filter(|&shard| wanted(shard));
        Stream::new(parts.map(|shard| self.parts[shard][side].clone()))
    }
}

/// Maps a file whose bytes are those of the manifest, and finds its tensors.
fn map(path: &Path, manifest: &Manifest) -> Result<[Part; 2]> {
    let map = Arc::new(mapped::map(path)?);
    let tensors = SafeTensors::deserialize(&map)?;
    let narrow = id_bytes(manifest.vocab_size) == 2;
    let ids_type = if narrow { Dtype::U16 } else { Dtype::U32 };
    let part = |side: Side| -> Result<Part> {
        let find = |name: &str, dtype: Dtype| -> Result<Range<usize>> {
            let name = format!("{}.{name}", side.name());
            let tensor = tensors.tensor(&name)?;
            ensure!(tensor.dtype() == dtype, "{name}: expected {dtype:?}, found {:?}", tensor.dtype());
            Ok(place(&map, &tensor))
        };
        let sentences = manifest.preparation.sentences.then(|| find("sentences", Dtype::U64)).transpose()?;
        let (ids, documents) = (find("ids", ids_type)?, find("documents", Dtype::U64)?);
        Ok(Part { narrow, ids, documents, sentences, map: map.clone() })
    };
    Ok([part(Side::Train)?, part(Side::HeldOut)?])
}

/// Where a tensor of a mapped file lies in it.
fn place(map: &[u8], tensor: &TensorView) -> Range<usize> {
    let start = tensor.data().as_ptr().addr() - map.as_ptr().addr();
    start..start + tensor.data().len()
}
