use std::sync::Arc;

use super::*;
use crate::conformance::{self, Bench, ManualEnvironment};

#[derive(Debug)]
struct InMemory;

impl Bench for InMemory {
    fn open(&mut self, environment: &Arc<ManualEnvironment>) -> Arc<dyn Engine> {
        let environment = Arc::clone(environment);
        Arc::new(Memory::new(environment, MemorySettings::default()))
    }

    fn survives(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn memory_conforms() {
    conformance::run(|| InMemory).await;
}
