import { Code, ConnectError } from "@connectrpc/connect";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import type { Words } from "./consent";
import { Confirm } from "./Dialog";

afterEach(cleanup);

/** Shows the question; gives what each submit said. */
function ask(typed: string | undefined, answers: (() => Promise<unknown>)[]): Words[] {
  const said: Words[] = [];
  const act = (words: Words) => {
    said.push({ ...words });
    return (answers.shift() ?? (() => Promise.resolve()))();
  };
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>
        <Confirm title="Remove web-1" submit="Remove" typed={typed} act={act} done="Removed." onClose={() => undefined}>
          It cannot come back.
        </Confirm>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return said;
}

const form = () => {
  const found = screen.getByText("It cannot come back.").closest("form");
  if (!found) throw new Error("the question has no form");
  return found;
};

it("takes nothing away before the word is typed as it is", async () => {
  const said = ask("web-1", []);
  const field = screen.getByLabelText("Type web-1 to confirm");
  for (const wrong of ["", "web", "WEB-1", "web-1 "]) {
    fireEvent.change(field, { target: { value: wrong } });
    fireEvent.submit(form());
    expect(screen.getByRole("alert").textContent).toBe("Type web-1 to confirm");
  }
  expect(said).toEqual([]);
  fireEvent.change(field, { target: { value: "web-1" } });
  fireEvent.submit(form());
  await waitFor(() => expect(said).toHaveLength(1));
});

it("says that more nodes may read a value only after the manager has asked and somebody has ticked it", async () => {
  const refused = () => Promise.reject(reason("WIDENS_SECRET"));
  const said = ask(undefined, [refused, refused]);
  expect(screen.queryByRole("checkbox")).toBeNull();
  fireEvent.submit(form());
  const tick = await screen.findByRole("checkbox");
  expect((tick as HTMLInputElement).checked).toBe(false);
  fireEvent.submit(form());
  await waitFor(() => expect(said).toHaveLength(2));
  fireEvent.click(await screen.findByRole("checkbox"));
  await waitFor(() => expect((screen.getByRole("checkbox") as HTMLInputElement).checked).toBe(true));
  fireEvent.submit(form());
  await waitFor(() => expect(said.map((words) => words.widen)).toEqual([false, false, true]));
});

/** An error as the manager gives it, with its reason. */
function reason(code: string): ConnectError {
  const error = new ConnectError("one, two could read the value", Code.FailedPrecondition);
  const value = new Uint8Array([0x0a, code.length, ...new TextEncoder().encode(code), 0x12, 5, ...new TextEncoder().encode("atoll")]);
  error.details = [{ type: "google.rpc.ErrorInfo", value }];
  return error;
}
