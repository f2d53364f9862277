//! What the functions of `wasi:keyvalue` do.

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::plugin::guest::bindings::plugin::wasi::keyvalue::{atomics, batch, store};
use crate::plugin::guest::bucket::Bucket;
use crate::plugin::guest::context::BURST;
use crate::plugin::guest::memory::Charge;
use crate::plugin::guest::state::Guest;
use crate::store::RecordError;

/// What a function of the interface answers; the outer error costs the instance.
pub(super) type Answer<T> = wasmtime::Result<Result<T, store::Error>>;

impl Guest {
    /// The name of a bucket that the plugin still may use.
    fn bucket(&mut self, bucket: &Resource<Bucket>) -> Answer<Arc<str>> {
        let name = Arc::clone(&self.table.get(bucket)?.name);
        Ok(self.may_use(&name).map(|()| name))
    }

    fn may_use(&mut self, bucket: &str) -> Result<(), store::Error> {
        if self.rights.now().keyvalue.iter().any(|name| name == bucket) {
            return Ok(());
        }
        let why = format!(
            "no access to the bucket `{bucket}`; to allow it, put it under `keyvalue` in `[allow]` of \
             {}.toml, and where the node's `[policy]` has `keyvalue`, there too",
            self.plugin.name
        );
        self.plugin.log_refusal("wasi:keyvalue", &why);
        Err(store::Error::AccessDenied)
    }

    /// Whether records are not changed, because the plugin is a copy; logs which then.
    fn pretends_to<'k>(
        &self,
        what: &str,
        bucket: &str,
        keys: impl IntoIterator<Item = &'k String>,
    ) -> bool {
        self.plugin.pretend("wasi:keyvalue", || {
            let keys: Vec<_> = keys.into_iter().map(|key| format!("`{key}`")).collect();
            format!("{what} {} in the bucket `{bucket}`", keys.join(", "))
        })
    }

    /// Takes changes from the plugin's budget, and charges the instance for what they
    /// hold until they are made.
    fn may_change(&self, changes: usize, bytes: usize) -> Result<Charge, store::Error> {
        if changes > BURST as usize {
            return Err(store::Error::Other(format!(
                "a plugin may change {BURST} records at once; these are {changes}"
            )));
        }
        for _ in 0..changes {
            if !self.plugin.spend() {
                return Err(store::Error::Other(
                    "the plugin has changed more records than its budget allows; try again later"
                        .to_owned(),
                ));
            }
        }
        let charge = self.memory.account().charge(bytes as u64);
        charge.ok_or_else(|| {
            store::Error::Other(format!(
                "no memory is left for the {bytes} bytes of these keys and values"
            ))
        })
    }
}

/// As the guest is told.
fn told<T>(done: Result<T, RecordError>) -> Result<T, store::Error> {
    done.map_err(|error| store::Error::Other(error.to_string()))
}

impl store::Host for &mut Guest {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if let Err(refused) = self.may_use(&identifier) {
            return Ok(Err(refused));
        }
        Ok(Ok(self.table.push(Bucket {
            name: identifier.into(),
        })?))
    }
}

impl store::HostBucket for &mut Guest {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let values = self.plugin.records.get(&bucket, vec![key]).await;
        Ok(told(
            values.map(|values| values.into_iter().next().flatten()),
        ))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let _held = match self.may_change(1, key.len() + value.len()) {
            Ok(charge) => charge,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.pretends_to("set", &bucket, [&key]) {
            return Ok(Ok(()));
        }
        Ok(told(
            self.plugin.records.set(&bucket, vec![(key, value)]).await,
        ))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let _held = match self.may_change(1, key.len()) {
            Ok(charge) => charge,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.pretends_to("delete", &bucket, [&key]) {
            return Ok(Ok(()));
        }
        Ok(told(self.plugin.records.delete(&bucket, vec![key]).await))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(told(self.plugin.records.exists(&bucket, key).await))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Answer<store::KeyResponse> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let page = self.plugin.records.list(&bucket, cursor).await;
        Ok(told(page.map(|page| store::KeyResponse {
            keys: page.keys,
            cursor: page.next,
        })))
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
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let _held = match self.may_change(1, key.len()) {
            Ok(charge) => charge,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.pretends_to("increment", &bucket, [&key]) {
            let values = self.plugin.records.get(&bucket, vec![key]).await;
            return Ok(told(values).and_then(|values| incremented(values, delta)));
        }
        Ok(told(
            self.plugin.records.increment(&bucket, key, delta).await,
        ))
    }
}

impl batch::Host for &mut Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let values = self.plugin.records.get(&bucket, keys.clone()).await;
        Ok(told(values.map(|values| {
            let pairs = keys.into_iter().zip(values);
            pairs
                .map(|(key, value)| value.map(|value| (key, value)))
                .collect()
        })))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let _held = match self.may_change(key_values.len(), bytes_of(&key_values)) {
            Ok(charge) => charge,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.pretends_to("set", &bucket, key_values.iter().map(|(key, _)| key)) {
            return Ok(Ok(()));
        }
        Ok(told(self.plugin.records.set(&bucket, key_values).await))
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let bucket = match self.bucket(&bucket)? {
            Ok(name) => name,
            Err(refused) => return Ok(Err(refused)),
        };
        let _held = match self.may_change(keys.len(), keys.iter().map(String::len).sum()) {
            Ok(charge) => charge,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.pretends_to("delete", &bucket, &keys) {
            return Ok(Ok(()));
        }
        Ok(told(self.plugin.records.delete(&bucket, keys).await))
    }
}

/// What a record would be after an increment; one that is not there counts from 0.
fn incremented(values: Vec<Option<Vec<u8>>>, delta: u64) -> Result<u64, store::Error> {
    let Some(value) = values.into_iter().next().flatten() else {
        return Ok(delta);
    };
    let number = std::str::from_utf8(&value).ok();
    let number = number.and_then(|text| text.parse::<u64>().ok());
    let sum = number.and_then(|number| number.checked_add(delta));
    sum.ok_or_else(|| {
        store::Error::Other("the record is no number that can be added to".to_owned())
    })
}

fn bytes_of(records: &[(String, Vec<u8>)]) -> usize {
    let each = records.iter().map(|(key, value)| key.len() + value.len());
    each.sum()
}
