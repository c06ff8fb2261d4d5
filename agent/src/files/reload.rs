//! Tells the server that its files have changed.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// How much of what the command complained about is reported.
const COMPLAINT_LIMIT_BYTES: usize = 500;
/// How long is read on after a command has ended: what it said last may still be in the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs a command without a shell.
///
/// # Errors
/// Says how it failed, with the end of what it wrote to standard error.
pub async fn reload(command: &[String], limit: Duration) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let mut complaint = Vec::new();
    let stderr = child.stderr.take();
    let ended = timeout(limit, finish(&mut child, stderr, &mut complaint)).await;
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program} failed ({status}): {complaint}")),
        Ok(Err(error)) => Err(format!("{program} cannot be waited for: {error}")),
        Err(_) => {
            if let Err(error) = child.start_kill() {
                tracing::debug!(%error, "the command ended by itself");
            }
            Err(format!("{program} did not end within {} ms and was stopped: {complaint}", limit.as_millis()))
        }
    }
}

async fn finish(
    child: &mut Child,
    stderr: Option<ChildStderr>,
    complaint: &mut Vec<u8>,
) -> std::io::Result<std::process::ExitStatus> {
    // Read while it runs, or a talkative command would wait for a reader for ever.
    let read = async {
        if let Some(stderr) = stderr {
            drain(stderr, complaint).await;
        }
    };
    tokio::pin!(read);
    let mut is_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut read, if !is_read => is_read = true,
        }
    };
    if !is_read && timeout(LAST_WORDS, read).await.is_err() {
        tracing::debug!("what the command started and left running holds its standard error open");
    }
    status
}

async fn drain(mut stderr: ChildStderr, complaint: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(count) = stderr.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        complaint.extend_from_slice(&buffer[..count]);
        let excess = complaint.len().saturating_sub(COMPLAINT_LIMIT_BYTES);
        complaint.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn the_last_words_of_a_command_that_ends_at_once_are_heard() {
        for _ in 0..50 {
            let failed = reload(&shell("echo broken >&2; exit 1"), Duration::from_secs(20)).await.unwrap_err();
            assert!(failed.contains("broken"), "{failed}");
        }
    }

    #[tokio::test]
    async fn a_command_that_fails_or_hangs_says_so_with_its_last_words() {
        let limit = Duration::from_secs(20);
        assert_eq!(reload(&[], limit).await, Ok(()));
        assert_eq!(reload(&shell("echo fine >&2"), limit).await, Ok(()));
        let failed = reload(&shell("seq 100000 >&2; echo the end >&2; sleep 0.2; exit 3"), limit).await.unwrap_err();
        assert!(failed.contains("the end") && failed.len() < 700, "{failed}");
        let hung = reload(&shell("echo waiting >&2; sleep 60"), Duration::from_millis(500)).await.unwrap_err();
        assert!(hung.contains("500 ms") && hung.contains("waiting"), "{hung}");
        let missing = reload(&["/no/such/program".to_owned()], limit).await.unwrap_err();
        assert!(missing.contains("/no/such/program"), "{missing}");
    }
}
