//! What a process says, line by line, read for as long as it says something.

use std::fmt::Debug;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::DEADLINE;

/// The lines of one of a process's outputs.
pub struct Lines<L> {
    read: watch::Receiver<Vec<L>>,
    _reading: AbortOnDropHandle<()>,
}

impl<L: Clone + Debug + Send + Sync + 'static> Lines<L> {
    /// Reads `output`, and each of its lines with `parse`.
    pub fn of(output: impl AsyncRead + Send + Unpin + 'static, parse: fn(String) -> L) -> Self {
        let (lines, read) = watch::channel(Vec::new());
        let reading = async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                lines.send_modify(|lines| lines.push(parse(line)));
            }
        };
        Self {
            read,
            _reading: AbortOnDropHandle::new(tokio::spawn(reading)),
        }
    }

    /// The first line that is wanted; waits for it. Nothing if the process ends
    /// without it.
    pub async fn find(&self, within: Duration, wanted: impl Fn(&L) -> bool) -> Option<L> {
        let mut read = self.read.clone();
        let found = read.wait_for(|lines| lines.iter().any(&wanted));
        let Ok(found) = tokio::time::timeout(within, found).await else {
            panic!("it is not said in time: {:#?}", self.so_far());
        };
        let lines = found.ok()?.clone();
        lines.into_iter().find(&wanted)
    }

    /// As [`Lines::find`], where the process must not end.
    pub async fn until(&self, within: Duration, wanted: impl Fn(&L) -> bool) -> L {
        let found = self.find(within, wanted).await;
        found.unwrap_or_else(|| panic!("it is never said: {:#?}", self.so_far()))
    }

    /// All lines, once the process has said the last one.
    pub async fn all(mut self) -> Vec<L> {
        let _ = tokio::time::timeout(DEADLINE, self.read.wait_for(|_| false)).await;
        self.so_far()
    }

    /// The lines until now.
    pub fn so_far(&self) -> Vec<L> {
        self.read.borrow().clone()
    }
}
