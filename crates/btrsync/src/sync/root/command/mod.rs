//! A filesystem that only `btrfs` of btrfs-progs reaches: on another host, or with other rights.

#![allow(
    dead_code,
    unused_imports,
    reason = "what reads the texts is here before what runs the programs"
)]

mod text;
