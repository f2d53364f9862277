//! `wasi:keyvalue`: the granted buckets of the node's store.

mod bounds;

use std::sync::Arc;

use wasmtime::component::{Linker, Resource};

use super::Lend;
use crate::plugin::bindings::plugin::wasi::keyvalue::{atomics, batch, store};
use crate::plugin::guest::{BURST, Guest};
use crate::plugin::records::{RecordError, Records};

/// An open bucket.
#[derive(Debug)]
pub struct Bucket {
    name: Arc<str>,
}

type Answer<T> = wasmtime::Result<Result<T, store::Error>>;

/// Links the interfaces.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    atomics::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    batch::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    bounds::replace_unbounded(linker)
}

impl Guest {
    fn bucket(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<Arc<str>> {
        Ok(Arc::clone(&self.table.get(bucket)?.name))
    }

    /// Works on the store on a thread that may block, so that the guest's
    /// thread is free meanwhile.
    async fn on_store<T: Send + 'static>(
        &mut self,
        bucket: &Resource<Bucket>,
        work: impl FnOnce(&Records, &str, &str) -> Result<T, RecordError> + Send + 'static,
    ) -> Answer<T> {
        let bucket = self.bucket(bucket)?;
        let plugin = Arc::clone(&self.plugin);
        let done =
            tokio::task::spawn_blocking(move || work(&plugin.records, &plugin.name, &bucket));
        Ok(done
            .await?
            .map_err(|error| store::Error::Other(error.to_string())))
    }

    /// As [`Guest::on_store`], for changes, which the plugin's budget bounds.
    async fn change_store<T: Send + 'static>(
        &mut self,
        bucket: &Resource<Bucket>,
        changes: usize,
        work: impl FnOnce(&Records, &str, &str) -> Result<T, RecordError> + Send + 'static,
    ) -> Answer<T> {
        if changes > BURST as usize {
            return Ok(Err(store::Error::Other(format!(
                "a plugin may change {BURST} records at once; these are {changes}"
            ))));
        }
        for _ in 0..changes {
            if !self.plugin.spend() {
                return Ok(Err(store::Error::Other(
                    "the plugin has changed more records than its budget allows; try again later"
                        .to_owned(),
                )));
            }
        }
        self.on_store(bucket, work).await
    }
}

impl store::Host for &mut Guest {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if !self.allow.keyvalue.contains(&identifier) {
            let why = format!(
                "no access to the bucket `{identifier}`; to allow it, put it under `keyvalue` in `[allow]` of {}.toml",
                self.plugin.name
            );
            self.plugin.log_refusal("wasi:keyvalue", &why);
            return Ok(Err(store::Error::AccessDenied));
        }
        Ok(Ok(self.table.push(Bucket {
            name: identifier.into(),
        })?))
    }
}

impl store::HostBucket for &mut Guest {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        self.on_store(&bucket, move |records, _, bucket| {
            Ok(records.get(bucket, &[key])?.into_iter().next().flatten())
        })
        .await
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        self.change_store(&bucket, 1, move |records, plugin, bucket| {
            records.set(plugin, bucket, &[(key, value)])
        })
        .await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        self.change_store(&bucket, 1, move |records, plugin, bucket| {
            records.delete(plugin, bucket, &[key])
        })
        .await
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        self.on_store(&bucket, move |records, _, bucket| {
            Ok(records
                .get(bucket, &[key])?
                .first()
                .is_some_and(Option::is_some))
        })
        .await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Answer<store::KeyResponse> {
        self.on_store(&bucket, move |records, _, bucket| {
            let (keys, cursor) = records.list(bucket, cursor.unwrap_or_default())?;
            Ok(store::KeyResponse { keys, cursor })
        })
        .await
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for &mut Guest {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Answer<u64> {
        self.change_store(&bucket, 1, move |records, plugin, bucket| {
            records.increment(plugin, bucket, &key, delta)
        })
        .await
    }
}

impl batch::Host for &mut Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        self.on_store(&bucket, move |records, _, bucket| {
            let values = records.get(bucket, &keys)?;
            let pairs = keys.into_iter().zip(values);
            Ok(pairs
                .map(|(key, value)| value.map(|value| (key, value)))
                .collect())
        })
        .await
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        self.change_store(&bucket, key_values.len(), move |records, plugin, bucket| {
            records.set(plugin, bucket, &key_values)
        })
        .await
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        self.change_store(&bucket, keys.len(), move |records, plugin, bucket| {
            records.delete(plugin, bucket, &keys)
        })
        .await
    }
}
