//! Where the data of a task comes from: its data set on the hub, and its official files.

use crate::task::Task;

/// The task's own data set on the hub.
pub fn on_hub(task: Task) -> &'static str {
    match task {
        Task::Squad => "rajpurkar/squad",
        Task::SquadV2 => "rajpurkar/squad_v2",
        _ => "nyu-mll/glue",
    }
}

/// Addresses of the task's official files.
///
/// GLUE's are those of its download script; QQP's are the ones without a leak, QNLI's the second version.
pub fn official(task: Task) -> &'static str {
    match task {
        Task::Cola => "https://dl.fbaipublicfiles.com/glue/data/CoLA.zip",
        Task::Sst2 => "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
        Task::Mrpc => {
            "https://dl.fbaipublicfiles.com/senteval/senteval_data/msr_paraphrase_train.txt, \
             …/msr_paraphrase_test.txt and https://dl.fbaipublicfiles.com/glue/data/mrpc_dev_ids.tsv"
        }
        Task::Stsb => "https://dl.fbaipublicfiles.com/glue/data/STS-B.zip",
        Task::Qqp => "https://dl.fbaipublicfiles.com/glue/data/QQP-clean.zip",
        Task::Mnli => "https://dl.fbaipublicfiles.com/glue/data/MNLI.zip",
        Task::Qnli => "https://dl.fbaipublicfiles.com/glue/data/QNLIv2.zip",
        Task::Rte => "https://dl.fbaipublicfiles.com/glue/data/RTE.zip",
        Task::Wnli => "https://dl.fbaipublicfiles.com/glue/data/WNLI.zip",
        Task::Ax => "https://dl.fbaipublicfiles.com/glue/data/AX.tsv",
        Task::Squad => {
            "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json and …/dev-v1.1.json"
        }
        Task::SquadV2 => {
            "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json and …/dev-v2.0.json"
        }
    }
}

/// What to do when a folder has not what is needed.
pub(super) fn remedy_in_folder(task: Task) -> String {
    format!("get {}, or leave out --data-dir to take {} from the hub", official(task), on_hub(task))
}

/// What to do when the data set `id` of the hub has not what is needed.
pub(super) fn remedy_on_hub(task: Task, id: &str) -> String {
    let files = format!("get {} and name its folder with --data-dir", official(task));
    if id == on_hub(task) { files } else { format!("take --dataset {}, or {files}", on_hub(task)) }
}
