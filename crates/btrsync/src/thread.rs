//! Threads for work that blocks.
//!
//! A machine can run out of threads; that must be an error like any other. The runtime's own pool
//! panics then, and it makes the end of the runtime wait for work that nobody wants any more.

use std::io;
use std::thread::Builder;

use tokio::sync::oneshot;

/// Runs work on a thread of its own. What is returned yields its result, or an error where the work
/// panicked; dropped, it leaves the thread to end by itself.
pub(crate) fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = io::Result<T>> + Send + 'static> {
    named("btrsync", work)
}

/// As [`run`], on a thread that others see under this name, of which the kernel keeps 15 bytes.
pub(crate) fn named<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = io::Result<T>> + Send + 'static> {
    let (sender, receiver) = oneshot::channel();
    // What a thread tells belongs to the transfer that it works for.
    let span = tracing::Span::current();
    Builder::new().name(name.to_owned()).spawn(move || {
        let _entered = span.entered();
        // Nobody waits for the result of what was dropped.
        let _ = sender.send(work());
    })?;
    Ok(async { receiver.await.map_err(|_| io::Error::other("a thread panicked")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_comes_back_and_a_panic_is_an_error() {
        assert_eq!(run(|| 7).unwrap().await.unwrap(), 7);
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let ended = run(|| panic!("on purpose")).unwrap().await;
        std::panic::set_hook(silent);
        assert!(ended.is_err());
    }
}
