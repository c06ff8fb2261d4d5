// The keyboard map. Single keys can be switched off (WCAG 2.1.4), and none works while something is typed.
import { useEffect, useRef } from "react";

const SETTING = "atoll.single-keys";
/** Longest pause between the two keys of a pair such as `g n`. */
const PAIR_MS = 1_000;

export function singleKeysAreOn(): boolean {
  return localStorage.getItem(SETTING) !== "off";
}

export function switchSingleKeys(isOn: boolean): void {
  localStorage.setItem(SETTING, isOn ? "on" : "off");
}

export type KeyMap = Record<string, () => void>;

/** Listens for keys by name: `mod+k`, `/`, `?`, or pairs such as `g n`. */
export function useKeys(map: KeyMap): void {
  const current = useRef(map);
  useEffect(() => {
    current.current = map;
  });
  useEffect(() => {
    let first = "";
    let firstAt = 0;
    const press = (event: KeyboardEvent) => {
      const name = `${event.ctrlKey || event.metaKey ? "mod+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
      const isModified = name.startsWith("mod+");
      if (!isModified && (isTyping(event.target) || event.altKey || !singleKeysAreOn())) return;
      const isPair = first !== "" && event.timeStamp - firstAt < PAIR_MS;
      const act = (isPair ? current.current[`${first} ${name}`] : undefined) ?? current.current[name];
      first = isModified ? "" : name;
      firstAt = event.timeStamp;
      if (!act) return;
      event.preventDefault();
      first = "";
      act();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.closest("[role=dialog]") !== null;
}
