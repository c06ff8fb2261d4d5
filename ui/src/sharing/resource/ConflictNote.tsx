// The open question of a resource, and the way to it.
import { Link } from "@tanstack/react-router";

import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Note } from "../../ui/feedback";
import { useOpenConflict } from "./read";

export function ConflictNote({ resource }: { resource: Resource }) {
  const asked = useOpenConflict(resource);
  return (
    <Note title="Two edits do not merge">
      Nothing is lost, and the release stays as it is until the conflict is resolved. This page shows the common base of both edits; the
      edits themselves are under Versions and in the conflict.{" "}
      {asked.data ? (
        <Link to="/conflicts/$id" params={{ id: asked.data }} className="row-link">
          Resolve the conflict
        </Link>
      ) : (
        <Link to="/conflicts" className="row-link">See the open conflicts</Link>
      )}
    </Note>
  );
}
