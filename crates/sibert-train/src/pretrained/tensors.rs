//! The tensors of one safetensors file, as f32 and finite.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use sibert_hub::refuse_pointer;

/// The tensors of a file.
pub struct TensorFile {
    /// Its tensors on the device, without the buffers that are no parameters.
    pub tensors: HashMap<String, Tensor>,
    /// How many of them were of another type than f32, by its name.
    pub converted: BTreeMap<String, usize>,
}

/// Whether a tensor only numbers positions, as old versions of transformers saved it; no parameter.
pub fn is_buffer(name: &str) -> bool {
    name.rsplit('.').next() == Some("position_ids")
}

/// Reads the file at `path`, called `shown` in messages.
///
/// # Errors
/// If it cannot be read or is damaged, or a tensor holds integers, a NaN or an infinity; names file and tensor.
pub fn read(path: &Path, shown: &str, device: &Device) -> Result<TensorFile> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    refuse_pointer(&bytes, shown)?;
    let file = SafeTensors::deserialize(&bytes).with_context(|| {
        let length = bytes.len();
        format!("{shown} is damaged or cut short, it has {length} bytes: copy it again, or take another checkpoint")
    })?;
    let mut read = TensorFile { tensors: HashMap::new(), converted: BTreeMap::new() };
    let mut views: Vec<_> = file.iter().filter(|(name, _)| !is_buffer(name)).collect();
    views.sort_unstable_by_key(|(name, _)| *name);
    for (name, view) in views {
        let tensor = load(name, &view).with_context(|| shown.to_owned())?;
        read.tensors.insert(name.to_owned(), tensor.to_device(device)?);
        if view.dtype() != Dtype::F32 {
            *read.converted.entry(view.dtype().to_string()).or_default() += 1;
        }
    }
    Ok(read)
}

/// A tensor as finite f32 in the memory of the processor.
fn load(name: &str, view: &TensorView) -> Result<Tensor> {
    if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
        bail!(
            "{name} is of type {}, expected F32, F16, BF16 or F64: quantized weights and other integers are no \
             parameters to train; take the checkpoint that was not quantized",
            view.dtype()
        );
    }
    let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
    ensure_finite(name, &tensor)?;
    Ok(tensor)
}

fn ensure_finite(name: &str, tensor: &Tensor) -> Result<()> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    let Some(first) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let count = values.iter().filter(|value| !value.is_finite()).count();
    bail!(
        "{name} {:?}: {count} of {} numbers are NaN or infinite, the first is {} at {:?}: the training that made them \
         diverged, or the file is damaged; take an earlier checkpoint",
        tensor.dims(),
        values.len(),
        values[first],
        place(first, tensor.dims())
    )
}

/// The indices of the element that is the `flat`-th in memory.
fn place(mut flat: usize, dims: &[usize]) -> Vec<usize> {
    let mut indices: Vec<usize> = dims
        .iter()
        .rev()
        .map(|&size| {
            let index = flat % size;
            flat /= size;
            index
        })
        .collect();
    indices.reverse();
    indices
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Saves the tensors and reads them back.
    fn saved(tensors: &[(&str, Tensor)]) -> Result<TensorFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors: HashMap<&str, Tensor> = tensors.iter().cloned().collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        read(&path, "model.safetensors", &Device::Cpu)
    }

    fn error(tensors: &[(&str, Tensor)]) -> String {
        format!("{:#}", saved(tensors).err().unwrap())
    }

    fn tensor(values: &[f64], dtype: DType) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    #[test]
    fn half_and_double_precision_become_single() {
        let values = [1., -0.5, 0.];
        let all =
            [("a", DType::F16), ("b", DType::BF16), ("c", DType::F64), ("d", DType::F32), ("e", DType::F16)];
        let read = saved(&all.map(|(name, dtype)| (name, tensor(&values, dtype)))).unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(read.tensors[name].to_vec1::<f32>().unwrap(), [1., -0.5, 0.], "{name}");
        }
        let converted: Vec<(&str, usize)> =
            read.converted.iter().map(|(name, &count)| (name.as_str(), count)).collect();
        assert_eq!(converted, [("BF16", 1), ("F16", 2), ("F64", 1)]);
    }

    #[test]
    fn integers_are_refused_except_numbers_of_positions() {
        let ids = |name| (name, tensor(&[0., 1.], DType::I64));
        let weight = ("w", tensor(&[1.], DType::F32));
        let read =
            saved(&[ids("embeddings.position_ids"), ids("bert.embeddings.position_ids"), weight]).unwrap();
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["w"]);
        let error = error(&[ids("encoder.weight")]);
        let expected = "model.safetensors: encoder.weight is of type I64, expected F32, F16, BF16 or F64";
        assert!(error.starts_with(expected), "{error}");
        assert!(self::error(&[("q", tensor(&[1.], DType::U8))]).contains("q is of type U8"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_named_by_tensor_count_and_place() {
        let weight = tensor(&[1., 2., 3., 4., f64::NAN, f64::INFINITY], DType::F32).reshape((2, 3)).unwrap();
        let nan = error(&[("encoder.weight", weight)]);
        let expected = "model.safetensors: encoder.weight [2, 3]: 2 of 6 numbers are NaN or infinite, the first is \
                        NaN at [1, 1]: ";
        assert!(nan.starts_with(expected), "{nan}");
        let large = error(&[("b", tensor(&[0., -1e300], DType::F64))]);
        assert!(large.contains("1 of 2 numbers are NaN or infinite, the first is -inf at [1]"), "{large}");
    }

    #[test]
    fn damaged_files_are_named_with_their_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors = HashMap::from([("w", tensor(&[1., 2., 3.], DType::F32))]);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let whole = fs::read(&path).unwrap();
        let error = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            format!("{:#}", read(&path, "model.safetensors", &Device::Cpu).err().unwrap())
        };
        for length in 0..whole.len() {
            let message = error(&whole[..length]);
            let expected = format!("model.safetensors is damaged or cut short, it has {length} bytes: ");
            assert!(message.starts_with(&expected), "{message}");
        }
        assert!(error(&[&whole[..], b"x"].concat()).contains("damaged"));
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        assert!(
            error(pointer).contains("is a pointer of Git LFS") && error(pointer).contains("git lfs pull")
        );
    }
}
