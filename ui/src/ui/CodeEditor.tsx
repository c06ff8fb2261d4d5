// An editor for scripts and JSON. Its machinery is loaded when the first one is shown.
import { useEffect, useEffectEvent, useId, useRef, useState } from "react";

import type { Editor, Setup } from "./codemirror";
import { Loading, ProblemNote } from "./feedback";

type CodeEditorProps = {
  label: string;
  value: string;
  onChange?: ((value: string) => void) | undefined;
  /** Names the colouring: `PowerShell`, `Bash`, `Python`, `CSharp`, `JSON`, `YAML`; any other is shown plain. */
  syntax?: string;
  isReadOnly?: boolean;
  /** What is wrong with what is typed. */
  error?: string | undefined;
};

export function CodeEditor({ label, value, onChange, syntax = "", isReadOnly = false, error }: CodeEditorProps) {
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(undefined);
  const [failure, setFailure] = useState<unknown>();
  const [isReady, setReady] = useState(false);
  const tell = useEffectEvent((typed: string) => onChange?.(typed));
  const attributes = {
    role: "textbox",
    "aria-multiline": "true",
    "aria-labelledby": `${id}-label`,
    "aria-describedby": `${id}-keys${error ? ` ${id}-error` : ""}`,
    ...(error ? { "aria-invalid": "true" } : {}),
  };
  const setup: Setup = { value, syntax, isReadOnly, attributes };
  const latest = useEffectEvent(() => setup);
  useEffect(() => {
    let isGone = false;
    import("./codemirror").then(({ Editor }) => {
      if (isGone || !place.current) return;
      editor.current = new Editor(place.current, latest(), (typed) => tell(typed));
      setReady(true);
    }, setFailure);
    return () => {
      isGone = true;
      editor.current?.destroy();
      editor.current = undefined;
    };
  }, []);
  // After each drawing; the editor looks itself whether anything is different.
  useEffect(() => editor.current?.set(setup));
  return (
    <div className="code-editor">
      <div className="code-editor-head">
        <span id={`${id}-label`} className="code-editor-label">
          {label}
        </span>
        {syntax ? <span className="code-editor-syntax">{syntax}</span> : null}
      </div>
      {failure ? <ProblemNote error={failure} /> : isReady ? null : <Loading what="the editor" />}
      <div ref={place} className="code-editor-place" />
      <p id={`${id}-keys`} className="code-editor-keys">
        {isReadOnly ? "Read only. Tab leaves it." : "Tab moves focus out of the editor, also after Escape. Ctrl+] indents, Ctrl+[ outdents."}
      </p>
      {error ? (
        <p id={`${id}-error`} className="code-editor-error" role="status">
          {error}
        </p>
      ) : null}
    </div>
  );
}
