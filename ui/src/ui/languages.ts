// How scripts are coloured: comments, texts, variables, numbers and words of the language. No more than helps reading.
import { StreamLanguage, type StreamParser, type StringStream } from "@codemirror/language";

type Quote = { open: string; close: string; escape?: string; isMultiline?: boolean };

type Grammar = {
  name: string;
  lineComment?: string;
  blockComment?: readonly [string, string];
  /** Longer openings first. */
  quotes: readonly Quote[];
  variable?: RegExp;
  words: readonly string[];
};

type State = { close: string; escape: string; token: string };

const NUMBER = /^-?\d[\d_]*(\.\d+)?([eE][+-]?\d+)?\b/;
const WORD = /^[A-Za-z_][\w-]*/;

function parser(grammar: Grammar): StreamParser<State> {
  const words = new Set(grammar.words.map((word) => word.toLowerCase()));
  return {
    name: grammar.name,
    startState: () => ({ close: "", escape: "", token: "" }),
    token: (stream, state) => (state.close === "" ? begin(stream, state, grammar, words) : goOn(stream, state)),
    languageData: { commentTokens: { line: grammar.lineComment } },
  };
}

function begin(stream: StringStream, state: State, grammar: Grammar, words: ReadonlySet<string>): string | null {
  if (stream.eatSpace()) return null;
  if (grammar.blockComment && stream.match(grammar.blockComment[0])) {
    Object.assign(state, { close: grammar.blockComment[1], escape: "", token: "comment" });
    return goOn(stream, state);
  }
  const isWordStart = stream.pos === 0 || /[\s;(]/.test(stream.string.charAt(stream.pos - 1));
  if (grammar.lineComment && isWordStart && stream.match(grammar.lineComment)) {
    stream.skipToEnd();
    return "comment";
  }
  for (const quote of grammar.quotes) {
    if (stream.match(quote.open)) {
      Object.assign(state, { close: quote.close, escape: quote.escape ?? "", token: "string" });
      const token = goOn(stream, state);
      if (!quote.isMultiline && stream.eol()) state.close = "";
      return token;
    }
  }
  if (grammar.variable && stream.match(grammar.variable)) return "variableName";
  if (stream.match(NUMBER)) return "number";
  const word = stream.match(WORD);
  if (word && typeof word !== "boolean") return words.has(word[0].toLowerCase()) ? "keyword" : null;
  stream.next();
  return null;
}

function goOn(stream: StringStream, state: State): string {
  const { token } = state;
  while (!stream.eol()) {
    if (stream.match(state.close)) {
      state.close = "";
      return token;
    }
    const next = stream.next();
    if (state.escape !== "" && next === state.escape) stream.next();
  }
  return token;
}

const GRAMMARS: Record<string, Grammar> = {
  PowerShell: {
    name: "powershell",
    lineComment: "#",
    blockComment: ["<#", "#>"],
    quotes: [
      { open: '@"', close: '"@', isMultiline: true },
      { open: "@'", close: "'@", isMultiline: true },
      { open: '"', close: '"', escape: "`", isMultiline: true },
      { open: "'", close: "'", isMultiline: true },
    ],
    variable: /^\$(\{[^}]*\}|[\w:?]+)/,
    words: "begin break catch class continue data do dynamicparam else elseif end exit filter finally for foreach from function if in param process return switch throw trap try until using while".split(" "),
  },
  Bash: {
    name: "bash",
    lineComment: "#",
    quotes: [
      { open: '"', close: '"', escape: "\\", isMultiline: true },
      { open: "'", close: "'", isMultiline: true },
    ],
    variable: /^\$(\{[^}]*\}|\w+|[?#@*!$-])/,
    words: "case do done elif else esac exit export fi for function if in local readonly return select set shift then trap unset until while".split(" "),
  },
  Python: {
    name: "python",
    lineComment: "#",
    quotes: [
      { open: '"""', close: '"""', escape: "\\", isMultiline: true },
      { open: "'''", close: "'''", escape: "\\", isMultiline: true },
      { open: '"', close: '"', escape: "\\" },
      { open: "'", close: "'", escape: "\\" },
    ],
    words: "and as assert async await break class continue def del elif else except False finally for from global if import in is lambda None nonlocal not or pass raise return True try while with yield".split(" "),
  },
  CSharp: {
    name: "csharp",
    lineComment: "//",
    blockComment: ["/*", "*/"],
    quotes: [
      { open: '@"', close: '"', isMultiline: true },
      { open: '"', close: '"', escape: "\\" },
      { open: "'", close: "'", escape: "\\" },
    ],
    words: "as async await bool break case catch class const continue default do else enum false finally for foreach if in int internal is namespace new null out private protected public readonly ref return static string struct switch this throw true try typeof using var virtual void while".split(" "),
  },
  JSON: { name: "json", quotes: [{ open: '"', close: '"', escape: "\\" }], words: ["true", "false", "null"] },
  YAML: {
    name: "yaml",
    lineComment: "#",
    quotes: [
      { open: '"', close: '"', escape: "\\" },
      { open: "'", close: "'" },
    ],
    variable: /^[\w.-]+(?=:(\s|$))/,
    words: ["true", "false", "null"],
  },
};

const known = new Map<string, StreamLanguage<State>>();

/** The language of a syntax by its name; nothing for one that is not known. */
export function languageOf(syntax: string): StreamLanguage<State> | undefined {
  const grammar = GRAMMARS[syntax];
  if (grammar && !known.has(syntax)) known.set(syntax, StreamLanguage.define(parser(grammar)));
  return known.get(syntax);
}
