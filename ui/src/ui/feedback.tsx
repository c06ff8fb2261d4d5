// What stands where content is not there yet, is not there at all, or could not be had.
import { Alert, Loader, Stack, Text } from "@mantine/core";
import { CircleAlert, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { isNoAnswer, problemOf } from "../api/problem";
import { Button } from "./Button";

/** Says what is being waited for; never a wheel without a word. */
export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <Loader size="sm" aria-hidden />
      <Text span>Loading {what}…</Text>
    </div>
  );
}

/** A failure, with what to do about it. */
export function ProblemNote({ error, onRetry, isAct = false }: { error: unknown; onRetry?: (() => void) | undefined; isAct?: boolean }) {
  const problem = problemOf(error, isAct);
  return (
    <Alert className="note" color="red" variant="outline" icon={<CircleAlert aria-hidden />} title={problem.title} role="alert">
      <Text size="sm">{problem.text}</Text>
      <Text size="xs" c="dimmed" mt={4}>
        Reason: {problem.reason}
      </Text>
      {onRetry && problem.canRetry ? (
        <div className="note-actions">
          <Button size="xs" onClick={onRetry}>
            Try again
          </Button>
        </div>
      ) : null}
    </Alert>
  );
}

/** Something to know before going on. */
export function Note({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Alert className="note" color="yellow" variant="outline" icon={<TriangleAlert aria-hidden />} title={title}>
      {children}
    </Alert>
  );
}

type EmptyProps = { title: string; children?: ReactNode; actions?: ReactNode };

/** Nothing to show, why, and what to do about it. */
export function Empty({ title, children, actions }: EmptyProps) {
  return (
    <Stack className="empty" gap="xs" align="center">
      <Text fw={600}>{title}</Text>
      {children ? (
        <Text size="sm" c="dimmed" component="div" maw={560} ta="center">
          {children}
        </Text>
      ) : null}
      {actions ? <div className="empty-actions">{actions}</div> : null}
    </Stack>
  );
}

type Asked<T> = {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
};

/** One answer of the manager, whatever state the question is in. What was read before stays while it is read again. */
export function Answer<T>({ of, what, children }: { of: Asked<T>; what: string; children: (data: T) => ReactNode }) {
  const again = () => of.refetch();
  // With no answer at all the header says that the page is old.
  if (of.data !== undefined && of.error && !isNoAnswer(of.error)) {
    return (
      <>
        <ProblemNote error={of.error} onRetry={again} />
        {children(of.data)}
      </>
    );
  }
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.isPending) return <Loading what={what} />;
  return <ProblemNote error={of.error} onRetry={again} />;
}
