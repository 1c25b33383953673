//! Words on where the data of a task comes from: its data set on the hub, and its official files.

use crate::task::Task;

/// Addresses of the task's official files; of a task of one's own, where its files are named.
///
/// GLUE's are those of its download script; QQP's are the ones without a leak, QNLI's the second version.
pub fn official(task: Task) -> String {
    task.file().official.clone().unwrap_or_else(|| format!("named in [files] of the task {}", task.name()))
}

/// The remedy when a folder lacks what is needed.
pub(super) fn remedy_in_folder(task: Task) -> String {
    match task.on_hub() {
        Some(on_hub) if task.is_built_in() => {
            format!("get {}, or leave out --data-dir to take {on_hub} from the hub", official(task))
        }
        _ => format!("name the folder of its files with --data-dir, they are {}", official(task)),
    }
}

/// The remedy when the data set `id` of the hub lacks what is needed.
pub(super) fn remedy_on_hub(task: Task, id: &str) -> String {
    let files = match task.is_built_in() {
        true => format!("get {} and name its folder with --data-dir", official(task)),
        false => remedy_in_folder(task),
    };
    match task.on_hub().filter(|on_hub| *on_hub != id) {
        Some(on_hub) => format!("take --dataset {on_hub}, or {files}"),
        None => files,
    }
}
