// Dialogs: forms over the page, and the question before an act that takes something away.
import { Modal } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useRef, useState } from "react";

import { Button } from "./Button";
import { useConsent, type Words } from "./consent";
import { CopyCli } from "./copy";
import { ProblemNote } from "./feedback";
import { TextField } from "./TextField";
import { tellDone } from "./toast";

type DialogProps = {
  title: string;
  onClose: () => void;
  size?: string;
  /** It cannot be closed, only answered. */
  isFixed?: boolean;
  /** A slip of the pointer beside it does not close it. */
  keepsOnClickOutside?: boolean;
  children: ReactNode;
};

export function Dialog({ title, onClose, size = "lg", isFixed = false, keepsOnClickOutside = false, children }: DialogProps) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={size}
      withCloseButton={!isFixed}
      closeOnEscape={!isFixed}
      closeOnClickOutside={!isFixed && !keepsOnClickOutside}
      closeButtonProps={{ "aria-label": "Close dialog" }}
      transitionProps={{ duration: 0 }}
      // The library's dialog has a <header>, which would be a second banner of the page.
      attributes={{ header: { role: "presentation" } }}
    >
      {children}
    </Modal>
  );
}

type FormDialogProps<T> = {
  title: string;
  submit: string;
  kind?: "primary" | "danger";
  size?: string;
  /** The command that does the same. */
  cli?: string | undefined;
  /** Why it cannot be submitted as it is. */
  disabledReason?: string | undefined;
  /** The words are what was said to be meant, after the manager has asked for it. */
  act: (words: Words) => Promise<T>;
  /** What to say when it was done. */
  done: string | ((result: T) => string);
  onDone?: ((result: T) => void) | undefined;
  onClose: () => void;
  children: ReactNode;
};

const LEAVING = "What you typed is not saved. Close again to discard it.";

/** A form that acts. A failure stands in the form, and nothing that was typed is lost. */
export function FormDialog<T>(props: FormDialogProps<T>) {
  // Set before anything is drawn anew: the second click of a double one finds it.
  const isSent = useRef(false);
  const [isDirty, setDirty] = useState(false);
  const [notice, setNotice] = useState<string>();
  const [error, setError] = useState<unknown>();
  const consent = useConsent(error);
  const act = useMutation({
    mutationFn: () => props.act(consent.words),
    onSuccess: (result) => {
      tellDone(typeof props.done === "string" ? props.done : props.done(result));
      props.onClose();
      props.onDone?.(result);
    },
    onError: (failure) => {
      setError(failure);
      isSent.current = false;
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setNotice(props.disabledReason);
    if (props.disabledReason !== undefined || isSent.current) return;
    isSent.current = true;
    act.mutate();
  };
  const typed = () => {
    setDirty(true);
    setNotice(undefined);
    if (act.error) act.reset();
  };
  const leave = () => {
    if (isDirty && notice !== LEAVING) setNotice(LEAVING);
    else props.onClose();
  };
  return (
    <Dialog title={props.title} onClose={leave} keepsOnClickOutside={isDirty} {...(props.size ? { size: props.size } : {})}>
      <form onSubmit={submit} onInput={typed} className="form">
        {props.children}
        {act.error ? <ProblemNote error={act.error} isAct /> : null}
        {consent.tick}
        {notice !== undefined ? (
          <p role="alert" className="form-notice">
            {notice}
          </p>
        ) : null}
        <div className="form-actions">
          {props.cli ? <CopyCli command={props.cli + consent.flags} /> : null}
          <Button onClick={props.onClose}>Cancel</Button>
          <Button type="submit" kind={props.kind ?? "primary"} isBusy={act.isPending} disabledReason={props.disabledReason}>
            {props.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

type ConfirmProps<T> = Omit<FormDialogProps<T>, "kind" | "disabledReason"> & {
  /** For what cannot be undone: the word to type. */
  typed?: string | undefined;
};

/** The question before something is taken away. */
export function Confirm<T>({ typed, children, ...form }: ConfirmProps<T>) {
  const [text, setText] = useState("");
  const disabledReason = typed !== undefined && text !== typed ? `Type ${typed} to confirm` : undefined;
  return (
    <FormDialog {...form} kind="danger" disabledReason={disabledReason}>
      {children}
      {typed !== undefined ? <TextField label={`Type ${typed} to confirm`} value={text} onChange={setText} autoFocus /> : null}
    </FormDialog>
  );
}
