// Dialogs: forms over the page, and the question before an act that takes something away.
import { Modal } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { Button } from "./Button";
import { CopyCli } from "./copy";
import { ProblemNote } from "./feedback";
import { TextField } from "./TextField";
import { tellDone } from "./toast";

type DialogProps = { title: string; onClose: () => void; size?: string; children: ReactNode };

export function Dialog({ title, onClose, size = "lg", children }: DialogProps) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={size}
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
  act: () => Promise<T>;
  /** What to say when it was done. */
  done: string | ((result: T) => string);
  onDone?: ((result: T) => void) | undefined;
  onClose: () => void;
  children: ReactNode;
};

/** A form that acts. A failure stands in the form, and nothing that was typed is lost. */
export function FormDialog<T>(props: FormDialogProps<T>) {
  const act = useMutation({
    mutationFn: props.act,
    onSuccess: (result) => {
      tellDone(typeof props.done === "string" ? props.done : props.done(result));
      props.onClose();
      props.onDone?.(result);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (props.disabledReason === undefined && !act.isPending) act.mutate();
  };
  return (
    <Dialog title={props.title} onClose={props.onClose} {...(props.size ? { size: props.size } : {})}>
      <form onSubmit={submit} className="form">
        {props.children}
        {act.error ? <ProblemNote error={act.error} /> : null}
        <div className="form-actions">
          {props.cli ? <CopyCli command={props.cli} /> : null}
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
