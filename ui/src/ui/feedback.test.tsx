import { Code, ConnectError } from "@connectrpc/connect";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import { Answer } from "./feedback";

afterEach(cleanup);

function show(error: unknown) {
  const of = { data: "Online", error, isPending: false, refetch: () => undefined };
  render(
    <MantineProvider>
      <Answer of={of} what="the node">
        {(data) => <p>{data}</p>}
      </Answer>
    </MantineProvider>,
  );
}

it("says that what it shows could not be read again", () => {
  show(new ConnectError("the manager failed at this", Code.Internal));
  expect(screen.getByText("Online")).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("The manager failed");
});

it("keeps what it shows while nobody answers, which the header says", () => {
  show(new ConnectError("", Code.Unavailable));
  expect(screen.getByText("Online")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});
