// The frame of every page: its title, the way to it, its acts, and how to do the same on the command line.
import { Anchor, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";

import { CopyCli } from "./copy";

export type Crumb = { label: string; to: string };

type PageProps = {
  title: string;
  crumbs?: Crumb[];
  /** Stands beside the title, such as a state. */
  aside?: ReactNode;
  actions?: ReactNode;
  /** The command that shows the same. */
  cli?: string;
  /** One sentence on what this is for. */
  lead?: ReactNode;
  children: ReactNode;
};

export function Page({ title, crumbs = [], aside, actions, cli, lead, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Atoll`;
    // Readers hear where they are after each step; the first page does not take the focus from the browser.
    if (document.body.dataset["visited"]) heading.current?.focus({ preventScroll: true });
    document.body.dataset["visited"] = "yes";
  }, [title]);
  return (
    <>
      <header className="page-header">
        {crumbs.length > 0 ? (
          <nav aria-label="Breadcrumb" className="crumbs">
            {crumbs.map((crumb) => (
              <span key={crumb.to}>
                <Anchor component={Link} to={crumb.to} size="sm">
                  {crumb.label}
                </Anchor>
                <span aria-hidden> / </span>
              </span>
            ))}
          </nav>
        ) : null}
        <div className="page-title-row">
          <Title order={1} size="h2" ref={heading} tabIndex={-1} className="page-title">
            <bdi>{title}</bdi>
          </Title>
          {aside}
          <div className="page-actions">
            {actions}
            {cli ? <CopyCli command={cli} /> : null}
          </div>
        </div>
        {lead ? <p className="page-lead">{lead}</p> : null}
      </header>
      {children}
    </>
  );
}

/** A part of a page under a heading of its own. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="section" aria-label={title}>
      <div className="section-header">
        <Title order={2} size="h4">
          {title}
        </Title>
        <div className="page-actions">{actions}</div>
      </div>
      {children}
    </section>
  );
}
