// Changing a part of a list page's address, such as its filter, without a new step in the history.
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

import { withoutEmpty } from "./search";

/** Empty texts leave the address. The answer stays the same between drawings. */
export function useSearchChange<S extends object>(to: string): (next: Partial<S>) => void {
  const navigate = useNavigate();
  return useCallback(
    (next) => void navigate({ to, search: ((before: S) => withoutEmpty({ ...before, ...next })) as never, replace: true }),
    [navigate, to],
  );
}
