//! What `deploy/` has for those who run nodes, checked against the program: flags and
//! values are those that it takes, and ports, paths, names and times agree.

mod image;
mod kubernetes;
mod program;
mod systemd;
