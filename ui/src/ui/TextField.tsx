// The plainest field, in a file of its own: every page needs it, and few need the others.
import { TextInput } from "@mantine/core";
import type { KeyboardEvent, Ref } from "react";

export type FieldProps = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  description?: string | undefined;
  error?: string | undefined;
  placeholder?: string | undefined;
  required?: boolean;
  autoFocus?: boolean;
  isHiddenLabel?: boolean;
  monospace?: boolean;
  maxLength?: number;
  inputRef?: Ref<HTMLInputElement>;
  onKeyDown?: (event: KeyboardEvent) => void;
};

export const given = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]: NonNullable<T[K]> };

export function TextField(props: FieldProps) {
  const { label, value, onChange, isHiddenLabel, monospace, autoFocus, inputRef, ...rest } = props;
  return (
    <TextInput
      {...given(rest)}
      {...(isHiddenLabel ? { "aria-label": label } : { label })}
      {...(autoFocus ? { "data-autofocus": true } : {})}
      {...(inputRef ? { ref: inputRef } : {})}
      value={value}
      classNames={monospace ? { input: "monospace" } : {}}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
