// Fields of forms. Each has a visible label, and its value goes in and out as a plain value.
import {
  Checkbox as MantineCheckbox,
  NativeSelect,
  SegmentedControl,
  TagsInput,
  Textarea,
} from "@mantine/core";
import { Eye, EyeOff } from "lucide-react";
import { type ReactNode, useState } from "react";

import { IconButton } from "./Button";
import { type FieldProps, given } from "./TextField";

export { TextField } from "./TextField";

/** For what nobody shall read over a shoulder. Keys and certificates have many lines, which a password field would lose. */
export function SecretField({ label, value, onChange, description, required }: FieldProps) {
  const [isShown, setShown] = useState(false);
  return (
    <Textarea
      label={label}
      value={value}
      autosize
      minRows={1}
      maxRows={24}
      spellCheck={false}
      autoComplete="off"
      autoCapitalize="off"
      classNames={{ input: isShown ? "monospace" : "secret-hidden" }}
      rightSection={<IconButton label={isShown ? "Hide what is typed" : "Show what is typed"} icon={isShown ? EyeOff : Eye} onClick={() => setShown(!isShown)} />}
      {...given({ description, required })}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

export function TextArea(props: FieldProps & { rows?: number }) {
  const { label, value, onChange, rows = 4, monospace, isHiddenLabel, autoFocus, inputRef: _, onKeyDown: __, ...rest } = props;
  return (
    <Textarea
      {...given(rest)}
      {...(isHiddenLabel ? { "aria-label": label } : { label })}
      {...(autoFocus ? { "data-autofocus": true } : {})}
      value={value}
      autosize
      minRows={rows}
      maxRows={24}
      spellCheck={!monospace}
      classNames={monospace ? { input: "monospace" } : {}}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

export type Choice = { value: string; label: string; disabled?: boolean };

type SelectProps = Omit<FieldProps, "inputRef" | "onKeyDown"> & { choices: readonly Choice[] };

export function Select({ label, value, onChange, choices, description, isHiddenLabel }: SelectProps) {
  return (
    <NativeSelect
      {...(isHiddenLabel ? { "aria-label": label } : { label })}
      {...given({ description })}
      value={value}
      data={[...choices]}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

type CheckboxProps = { label: ReactNode; checked: boolean; onChange: (checked: boolean) => void; description?: string };

export function Checkbox({ label, checked, onChange, description }: CheckboxProps) {
  return (
    <MantineCheckbox
      label={label}
      checked={checked}
      {...given({ description })}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

type ListFieldProps = {
  label: string;
  value: string[];
  onChange: (value: string[]) => void;
  description?: string;
  placeholder?: string;
  known?: string[];
};

/** Several short texts, such as labels; Enter or a comma ends each. */
export function ListField({ label, value, onChange, description, placeholder, known }: ListFieldProps) {
  return (
    <TagsInput
      label={label}
      value={value}
      acceptValueOnBlur
      {...given({ description, placeholder, data: known })}
      onChange={onChange}
    />
  );
}

type SwitchProps = { label: string; value: string; onChange: (value: string) => void; choices: readonly Choice[] };

/** One of a few, all in sight. */
export function Segments({ label, value, onChange, choices }: SwitchProps) {
  return (
    <div role="radiogroup" aria-label={label}>
      <SegmentedControl size="xs" value={value} data={[...choices]} onChange={onChange} />
    </div>
  );
}
