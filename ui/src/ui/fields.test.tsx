import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, it } from "vitest";

import { SecretField } from "./fields";

afterEach(cleanup);

function Form() {
  const [value, setValue] = useState("");
  return <SecretField label="Sensitive value" value={value} onChange={setValue} />;
}

it("keeps the lines of a sensitive value, and hides them until they are asked for", () => {
  render(
    <MantineProvider>
      <Form />
    </MantineProvider>,
  );
  const field = screen.getByLabelText<HTMLTextAreaElement>("Sensitive value");
  const key = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n";
  fireEvent.change(field, { target: { value: key } });
  expect(field.value).toBe(key);
  expect(field.className).toContain("secret-hidden");
  fireEvent.click(screen.getByRole("button", { name: "Show what is typed" }));
  expect(field.className).not.toContain("secret-hidden");
  expect(screen.getByRole("button", { name: "Hide what is typed" })).toBeTruthy();
});
