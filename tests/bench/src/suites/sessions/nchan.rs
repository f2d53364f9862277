//! nchan, channels in nginx.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::client::{Dialect, Server};
use super::contender::{Contender, Started};
use crate::servers::{self, Stopped, free_address};

/// Where Debian and Ubuntu have nginx's modules.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

const HOW_TO_GET: &str = "`apt-get install nginx-light libnginx-mod-nchan`";

/// As many processes as there are cores, and nothing that is written to disk.
const CONFIGURATION: &str = "
load_module MODULE;
daemon off;
pid nginx.pid;
error_log stderr crit;
worker_processes auto;
events { worker_connections CONNECTIONS; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  nchan_shared_memory_size 256M;
  server {
    listen ADDRESS backlog=4096;
    location = /subscribe {
      nchan_subscriber websocket;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
      nchan_subscriber_timeout 0;
    }
    location = /publish {
      nchan_publisher websocket;
      nchan_channel_id bench;
    }
  }
}
";

pub(super) struct Nchan;

/// nginx, which has its workers ended with it.
struct Nginx {
    server: Option<Stopped>,
    folder: PathBuf,
}

impl Contender for Nchan {
    fn name(&self) -> &'static str {
        "peer/nchan"
    }

    fn shown(&self) -> &'static str {
        "with nothing"
    }

    fn prepare(&mut self) -> Result<(), String> {
        servers::find("nginx", HOW_TO_GET)?;
        match Path::new(MODULE).exists() {
            true => Ok(()),
            false => Err(format!("there is no {MODULE}: {HOW_TO_GET}")),
        }
    }

    fn start(&self, sessions: usize) -> Result<Started, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let address = free_address()?;
        let text = CONFIGURATION
            .replace("MODULE", MODULE)
            .replace("CONNECTIONS", &(sessions + 1000).to_string())
            .replace("ADDRESS", &address.to_string());
        std::fs::write(folder.path().join("nginx.conf"), text)
            .map_err(|error| error.to_string())?;
        let server = Stopped::start(&mut nginx(folder.path()), address)?;
        Ok(Started {
            server: Server {
                address,
                others: Vec::new(),
                dialect: Dialect::Nchan,
                secret: None,
            },
            process: server.id(),
            running: Box::new(Nginx {
                server: Some(server),
                folder: folder.path().to_owned(),
            }),
            folder,
        })
    }
}

fn nginx(folder: &Path) -> Command {
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(folder).args(["-c", "nginx.conf"]);
    nginx.args(["-e", "stderr"]);
    nginx
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed by itself it would leave its workers.
        let mut stop = nginx(&self.folder);
        let stopped = stop
            .args(["-s", "stop"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let (Ok(status), Some(server)) = (stopped, self.server.take())
            && status.success()
        {
            server.wait();
        }
    }
}
