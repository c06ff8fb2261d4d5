// The whole content as JSON, in step with the form beside it.
import { useEffect, useRef, useState } from "react";

import { CodeEditor } from "../../ui/CodeEditor";
import { type Content, readContent, writeContent } from "./read";

type JsonEditorProps = {
  content: Content;
  onChange: (content: Content) => void;
  problem: string | undefined;
  onProblem: (problem: string | undefined) => void;
};

export function JsonEditor({ content, onChange, problem, onProblem }: JsonEditorProps) {
  const [text, setText] = useState(() => writeContent(content));
  const read = useRef(content);
  useEffect(() => {
    // Changed in the form: the text follows. What was typed here keeps its blanks and its order.
    if (content === read.current) return;
    read.current = content;
    setText(writeContent(content));
  }, [content]);
  const type = (typed: string) => {
    setText(typed);
    try {
      read.current = readContent(typed);
      onProblem(undefined);
      onChange(read.current);
    } catch (error) {
      onProblem(`This is not complete JSON yet: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return <CodeEditor label="Content as JSON" value={text} onChange={type} syntax="JSON" error={problem} />;
}
