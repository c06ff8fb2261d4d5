// Copying, and the command that does the same as the page.
import { Code, Popover, Tooltip, UnstyledButton } from "@mantine/core";
import { Check, Copy, Terminal } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "./Button";
import { tellProblem } from "./toast";

const SHOWN_MS = 2_000;

/** Copies a text and says so. */
export function useCopy(): { isCopied: boolean; copy: (text: string) => void } {
  const [isCopied, setCopied] = useState(false);
  const copy = (text: string) => {
    navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    }, tellProblem);
  };
  return { isCopied, copy };
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const { isCopied, copy } = useCopy();
  return <IconButton label={isCopied ? "Copied" : label} icon={isCopied ? Check : Copy} onClick={() => copy(text)} />;
}

/** A text that is worth copying whole, such as an id. */
export function Copyable({ text, shown }: { text: string; shown?: string }) {
  const { isCopied, copy } = useCopy();
  return (
    <Tooltip label={isCopied ? "Copied" : "Copy"}>
      <UnstyledButton className="copyable" onClick={() => copy(text)} aria-label={`Copy ${shown ?? text}`} title={text}>
        {shown ?? text}
      </UnstyledButton>
    </Tooltip>
  );
}

/** Quotes a word for a POSIX shell, where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command line that does the same. */
export function CopyCli({ command }: { command: string }) {
  const { isCopied, copy } = useCopy();
  return (
    <Popover position="bottom-end" withArrow shadow="md" trapFocus>
      <Popover.Target>
        <UnstyledButton className="cli-button" aria-label="CLI: show as command line">
          <Terminal size={16} aria-hidden /> CLI
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown aria-label="Equivalent CLI command">
        <div className="cli-command">
          <Code block>{command}</Code>
          <Button size="xs" icon={isCopied ? Check : Copy} onClick={() => copy(command)}>
            {isCopied ? "Copied" : "Copy as CLI"}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
