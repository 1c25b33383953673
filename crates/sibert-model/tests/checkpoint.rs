//! A model that is saved is the model that is loaded.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor};
use sibert_model::{FineTuning, HeadKind, ModelType, PreTraining};
use support::{inputs, part, relative_error, siberts, small, tuned};

#[test]
fn a_saved_model_gives_the_same_vectors() {
    let folder = tempfile::tempdir().unwrap();
    for config in siberts().into_iter().chain([small(ModelType::Bert)]) {
        let model = PreTraining::new(&config, 5, DType::F32, &Device::Cpu).unwrap();
        model.save(folder.path()).unwrap();
        let loaded = PreTraining::from_pretrained(folder.path(), DType::F32, &Device::Cpu).unwrap();
        let texts = inputs(&config, 3, DType::F32);
        let of = |model: &PreTraining| model.embed(&texts).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(of(&loaded), of(&model));
        assert_eq!(loaded.config(), &config);
    }
}

#[test]
fn a_saved_head_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (config, head) = (small(ModelType::Sibert), HeadKind::Classes(3));
    let model = tuned(&config, head, DType::F32);
    model.save(folder.path()).unwrap();
    let (loaded, origins) =
        FineTuning::from_pretrained(folder.path(), head, true, 9, DType::F32, &Device::Cpu).unwrap();
    assert!(origins.drawn.is_empty() && origins.unused.is_empty(), "{origins:?}");
    for ((name, var), (_, expected)) in loaded.parameters().into_iter().zip(model.parameters()) {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&var), values(&expected), "{name}");
    }
}

#[test]
fn padding_does_not_change_the_vector_of_a_text() {
    let config = small(ModelType::Sibert);
    let model = PreTraining::new(&config, 5, DType::F64, &Device::Cpu).unwrap();
    let texts = inputs(&config, 3, DType::F64); // the last has nine tokens
    let whole = model.embed(&texts).unwrap().narrow(0, 2, 1).unwrap();
    let short = model.embed(&part(&texts, 2..3, 9)).unwrap();
    assert!(relative_error(&short, &whole) < 1e-12);
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = || {
        let loaded = PreTraining::from_pretrained(folder.path(), DType::F32, &Device::Cpu);
        loaded.unwrap_err().to_string()
    };
    assert!(error().contains("config.json: "), "{}", error());
    let config = small(ModelType::Sibert).to_json().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    assert!(error().contains("model.safetensors: "), "{}", error());
}
