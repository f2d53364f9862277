//! `wasi:logging`: into the host's log, under the plugin's name and within the
//! same budget as what it prints.

use tracing::Level;

use crate::plugin::guest::bindings::plugin::wasi::logging::logging;
use crate::plugin::guest::state::Guest;

/// Longest message in bytes; what is longer is cut.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

impl logging::Host for &mut Guest {
    fn log(
        &mut self,
        level: logging::Level,
        context: String,
        message: String,
    ) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace => Level::TRACE,
            logging::Level::Debug => Level::DEBUG,
            logging::Level::Info => Level::INFO,
            logging::Level::Warn => Level::WARN,
            logging::Level::Error | logging::Level::Critical => Level::ERROR,
        };
        let cut = |text: &str| text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)].to_owned();
        let context = cut(&context);
        // A line break in a message must not begin what looks like a line of the host.
        for line in cut(&message).lines() {
            self.plugin.log.line(level, &context, line);
        }
        Ok(())
    }
}
