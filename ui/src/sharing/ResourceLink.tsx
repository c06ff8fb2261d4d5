// A resource by its name, wherever it is spoken of.
import { Link } from "@tanstack/react-router";

import type { Resource } from "../api/generated/atoll/v1/sharing_pb";
import { type Kind, pageOf, TEMPLATE, VARIABLE_SET } from "./resource/kind";

type Named = Pick<Resource, "kind" | "name">;

export function kindOf(name: string): Kind {
  return name === VARIABLE_SET.name ? VARIABLE_SET : TEMPLATE;
}

/** The kind of a resource as it stands alone, such as in a list. */
export function kindWord(name: string): string {
  const { noun } = kindOf(name);
  return noun.charAt(0).toUpperCase() + noun.slice(1);
}

export function ResourceLink({ resource }: { resource: Named | undefined }) {
  if (!resource) return <span className="dim">a resource that is gone</span>;
  return (
    <Link to={pageOf(kindOf(resource.kind))} params={{ name: resource.name }} className="row-link" title={resource.name}>
      <bdi>{resource.name}</bdi>
    </Link>
  );
}
