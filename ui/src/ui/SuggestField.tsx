// A text with suggestions that come while it is typed.
import { Autocomplete } from "@mantine/core";

type SuggestFieldProps = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  suggestions: readonly string[];
  description?: string;
  placeholder?: string;
};

export function SuggestField({ label, value, onChange, suggestions, description, placeholder }: SuggestFieldProps) {
  return (
    <Autocomplete
      label={label}
      value={value}
      onChange={onChange}
      data={[...new Set(suggestions)]}
      limit={50}
      {...(description ? { description } : {})}
      {...(placeholder ? { placeholder } : {})}
    />
  );
}
