// One of a few answers, each with words of its own.
import { Radio, Stack } from "@mantine/core";
import type { ReactNode } from "react";

export type DescribedChoice = { value: string; label: ReactNode; description?: ReactNode };

type ChoicesProps = {
  label: ReactNode;
  value: string;
  onChange: (value: string) => void;
  choices: readonly DescribedChoice[];
};

export function Choices({ label, value, onChange, choices }: ChoicesProps) {
  return (
    <Radio.Group label={label} value={value} onChange={onChange}>
      <Stack gap="xs" mt="xs">
        {choices.map((choice) => (
          <Radio
            key={choice.value}
            value={choice.value}
            label={choice.label}
            {...(choice.description ? { description: choice.description } : {})}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}
