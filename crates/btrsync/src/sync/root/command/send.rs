//! Sends subvolumes of the other side through its `btrfs send`.

use std::path::Path;

use super::super::contract::{Completion, SendRequest};
use super::super::error::RootError;
use super::super::start;
use super::Shell;
use super::script::Script;
use super::session::Session;
use crate::{Cancel, Flow};

/// `$1` is the number of options; behind them come the subvolumes, each with a stream of its own.
const SEND: &str = r#"
n=$1; shift; o=; i=0
while test $i -lt "$n"; do i=$((i + 1)); o="$o \"\${$i}\""; done
v=$((n + 1))
while test $v -le $#; do eval "r btrfs send $o \"\${$v}\""; v=$((v + 1)); done
"#;

/// Starts a send, and waits until it has begun.
pub(super) fn send(
    shell: &Shell,
    script: &Script,
    cancel: &Cancel,
) -> Result<(Flow, Completion<()>), RootError> {
    let (session, output) = shell.link.start(script, shell.sudo, cancel)?;
    let flow = Flow::new(output, cancel);
    let abandoned = flow.abandoned();
    let sent = start(move || end(session, &abandoned))?;
    Ok((flow, sent))
}

/// Returns what sends the subvolumes of a request.
pub(super) fn script(root: &Path, request: SendRequest<'_>) -> Script {
    let parent = request.parent.into_iter().map(|vol| ("-p", vol));
    let clones = request.clones.iter().map(|vol| ("-c", vol));
    let mut options = Vec::new();
    for (letter, vol) in parent.chain(clones) {
        options.extend([letter.into(), root.join(&vol.path)]);
    }
    let vols = request.vols.iter().map(|vol| root.join(&vol.path));
    Script::new(SEND).arg(options.len().to_string()).args(options).args(vols)
}

/// Waits for the end. A sender that fails because nobody reads any more only follows the other end.
fn end(session: Session, abandoned: &crate::flow::Abandoned) -> Result<(), RootError> {
    match session.finish() {
        Err(_) if abandoned.is_set() => Err(RootError::Cancelled),
        other => Ok(other?),
    }
}
