//! `wasmcloud:secrets`: the `[secrets]` of the plugin's manifest.

use wasmtime::component::Resource;

use crate::plugin::guest::bindings::plugin::wasmcloud::secrets::{reveal, store};
use crate::plugin::guest::secrets::value::SecretValue;
use crate::plugin::guest::state::Guest;

impl store::Host for &mut Guest {
    async fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Resource<SecretValue>, store::SecretsError>> {
        let found = match self.rights.now().secrets.contains_key(&key) {
            true => self.secrets.get(&key).await,
            false => None,
        };
        let Some(value) = found else {
            let why = format!(
                "there is no secret `{key}`; to grant it, put it into `[secrets]` of {}.toml, and where the \
                 node's `[policy]` speaks of the plugin, under `secrets` there",
                self.plugin.name
            );
            self.plugin.log_refusal("wasmcloud:secrets", &why);
            return Ok(Err(store::SecretsError::NotFound));
        };
        Ok(Ok(self.table.push(value)?))
    }
}

impl store::HostSecret for &mut Guest {
    fn drop(&mut self, secret: Resource<SecretValue>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl reveal::Host for &mut Guest {
    fn reveal(&mut self, secret: Resource<SecretValue>) -> wasmtime::Result<reveal::SecretValue> {
        let value = self.table.get(&secret)?;
        Ok(match value.text() {
            Some(text) => reveal::SecretValue::String(text.to_owned()),
            None => reveal::SecretValue::Bytes(value.bytes().to_vec()),
        })
    }
}
