//! The code with which transformers reads a SIBERT: `AutoModelForMaskedLM.from_pretrained(FOLDER, trust_remote_code=True)`.
//!
//! It lies beside the weights, as the hub wants it, and `auto_map` in `config.json` names it. BERT needs none.

use serde_json::{Value, json};

use crate::config::ModelType;

const SIBERT: [(&str, &str); 2] = [
    ("configuration_sibert.py", include_str!("../python/configuration_sibert.py")),
    ("modeling_sibert.py", include_str!("../python/modeling_sibert.py")),
];

/// Names of the files of code that may lie in a model's folder.
pub const NAMES: [&str; 2] = [SIBERT[0].0, SIBERT[1].0];

/// The files of code of an architecture, names and contents; none of BERT, which transformers knows.
pub fn files(model_type: ModelType) -> &'static [(&'static str, &'static str)] {
    match model_type {
        ModelType::Sibert => &SIBERT,
        ModelType::Bert => &[],
    }
}

/// `auto_map` in `config.json`: the class of each of transformers' automatic classes; none of BERT.
pub(crate) fn auto_map(model_type: ModelType) -> Option<Value> {
    let model = |class: &str| format!("modeling_sibert.Sibert{class}");
    (model_type == ModelType::Sibert).then(|| {
        json!({
            "AutoConfig": "configuration_sibert.SibertConfig",
            "AutoModel": model("Model"),
            "AutoModelForMaskedLM": model("ForMaskedLM"),
            "AutoModelForPreTraining": model("ForPreTraining"),
            "AutoModelForQuestionAnswering": model("ForQuestionAnswering"),
            "AutoModelForSequenceClassification": model("ForSequenceClassification"),
            "AutoModelForTokenClassification": model("ForTokenClassification"),
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_class_of_the_map_is_in_its_file() {
        let map = auto_map(ModelType::Sibert).unwrap();
        for class in map.as_object().unwrap().values().map(|class| class.as_str().unwrap()) {
            let (file, class) = class.split_once('.').unwrap();
            let code = SIBERT.iter().find(|(name, _)| *name == format!("{file}.py")).unwrap().1;
            assert!(code.contains(&format!("class {class}(")), "{class}");
        }
    }

    #[test]
    fn bert_needs_no_code() {
        assert!(files(ModelType::Bert).is_empty() && auto_map(ModelType::Bert).is_none());
    }
}
