// The form for a one-time link: as a page, and over a page.
import { Anchor, Code, Text } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";

import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { TextField } from "../ui/TextField";
import { codeOf, signIn } from "./session";

type FormProps = { onDone: () => void; submit: string };

function LinkForm({ onDone, submit }: FormProps) {
  const [link, setLink] = useState("");
  const [failure, setFailure] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (link.trim() === "" || isBusy) return;
    setBusy(true);
    signIn(codeOf(link))
      .then(onDone, (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={send} className="form">
      <Text size="sm">
        On a machine with the command line, run <Code>atoll ui open</Code>: it opens the browser signed in. Or run{" "}
        <Code>atoll ui open --print</Code> and paste the link here. The manager prints one too when it starts.
      </Text>
      <TextField label="One-time link" value={link} onChange={setLink} error={failure} monospace autoFocus />
      <div className="form-actions">
        <Button type="submit" kind="primary" isBusy={isBusy} disabledReason={link.trim() === "" ? "Paste the link first" : undefined}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

/** Over whatever page is open: what was typed there stays. */
export function SignInDialog({ onDone }: { onDone: () => void }) {
  return (
    <Dialog title="Your session has ended" onClose={() => {}} isFixed>
      <Text size="sm" mb="sm">
        Sign in again to continue. The page behind this dialog keeps everything you typed.
      </Text>
      <LinkForm onDone={onDone} submit="Sign in and continue" />
    </Dialog>
  );
}

/** The page that one-time links lead to. */
export function SignInPage() {
  const [failure, setFailure] = useState<string>();
  const [isTrying, setTrying] = useState(location.hash.length > 1);
  useEffect(() => {
    document.title = "Sign in · Atoll";
    const code = location.hash.slice(1);
    if (code === "") return;
    // The code is used up; it has no place in the history.
    history.replaceState(null, "", "/sign-in");
    signIn(code).then(
      () => location.replace("/"),
      (error: unknown) => {
        setFailure(error instanceof Error ? error.message : String(error));
        setTrying(false);
      },
    );
  }, []);
  return (
    <main className="sign-in">
      <h1>Atoll</h1>
      {isTrying ? <p role="status">Signing in…</p> : null}
      {failure ? (
        <p role="alert">
          This link did not sign you in: {failure}. Links work once and for a few minutes.
        </p>
      ) : null}
      {isTrying ? null : <LinkForm onDone={() => location.replace("/")} submit="Sign in" />}
      <Anchor href="/" size="sm">
        I am already signed in
      </Anchor>
    </main>
  );
}
