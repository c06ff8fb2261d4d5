// The parts of a template's content as the page shows them. Everything that is not named here stays as it is.
import { isSealed } from "../../ui/Diff";
import type { Content } from "../resource/read";

export const SCRIPT_BODY = "Octopus.Action.Script.ScriptBody";
export const SCRIPT_SYNTAX = "Octopus.Action.Script.Syntax";
const CONTROL_TYPE = "Octopus.ControlType";
const SELECT_OPTIONS = "Octopus.SelectOptions";

/** Properties that hold code, and its language. */
const CODE: Record<string, string> = {
  "Octopus.Action.KubernetesContainers.CustomResourceYaml": "YAML",
  "Octopus.Action.Azure.ResourceGroupTemplate": "JSON",
  "Octopus.Action.Azure.ResourceGroupTemplateParameters": "JSON",
  "Octopus.Action.CustomScripts.PreDeploy.ps1": "PowerShell",
  "Octopus.Action.CustomScripts.Deploy.ps1": "PowerShell",
  "Octopus.Action.CustomScripts.PostDeploy.ps1": "PowerShell",
};

export const SYNTAXES = ["PowerShell", "Bash", "Python", "CSharp", "FSharp"] as const;

export type Script = { property: string; label: string; syntax: string; body: string };

export function text(content: Content, key: string): string {
  const value = content[key];
  return typeof value === "string" ? value : "";
}

export function propertiesOf(content: Content): Content {
  const properties = content["Properties"];
  return isObject(properties) ? properties : {};
}

/** Properties that are code, the script first. */
export function scriptsOf(content: Content): Script[] {
  const properties = propertiesOf(content);
  const syntax = typeof properties[SCRIPT_SYNTAX] === "string" ? properties[SCRIPT_SYNTAX] : "PowerShell";
  const of = (property: string, label: string, language: string): Script[] => {
    const body = properties[property];
    return typeof body === "string" ? [{ property, label, syntax: language, body }] : [];
  };
  return [...of(SCRIPT_BODY, "Script", syntax), ...Object.entries(CODE).flatMap(([property, language]) => of(property, lastWords(property), language))];
}

function lastWords(property: string): string {
  return property.replace(/^Octopus\.Action\./, "");
}

/** Properties that are no code. */
export function otherProperties(content: Content): [string, unknown][] {
  const scripts = new Set(scriptsOf(content).map((script) => script.property));
  return Object.entries(propertiesOf(content)).filter(([property]) => !scripts.has(property));
}

export function withProperty(content: Content, property: string, value: unknown): Content {
  return { ...content, Properties: { ...propertiesOf(content), [property]: value } };
}

export function withoutProperty(content: Content, property: string): Content {
  const rest = Object.entries(propertiesOf(content)).filter(([key]) => key !== property);
  return { ...content, Properties: Object.fromEntries(rest) };
}

/** One parameter as it stands in the content. */
export type Parameter = Content;

export const CONTROLS = [
  { value: "SingleLineText", label: "Text, one line" },
  { value: "MultiLineText", label: "Text, several lines" },
  { value: "Select", label: "One of several options" },
  { value: "Checkbox", label: "Checkbox" },
  { value: "Sensitive", label: "Sensitive" },
  { value: "StepName", label: "A previous step" },
  { value: "Package", label: "Package" },
  { value: "Certificate", label: "Certificate" },
  { value: "WorkerPool", label: "Worker pool" },
  { value: "AzureAccount", label: "Azure account" },
  { value: "AmazonWebServicesAccount", label: "Amazon Web Services account" },
  { value: "GoogleCloudAccount", label: "Google Cloud account" },
  { value: "UsernamePasswordAccount", label: "Account with user name and password" },
  { value: "GenericOidcAccount", label: "OpenID Connect account" },
] as const;

export function controlLabel(control: string): string {
  return CONTROLS.find((one) => one.value === control)?.label ?? control;
}

export function parametersOf(content: Content): Parameter[] {
  const parameters = content["Parameters"];
  return Array.isArray(parameters) ? parameters.filter(isObject) : [];
}

export function withParameters(content: Content, parameters: readonly Parameter[]): Content {
  return { ...content, Parameters: parameters };
}

export function controlOf(parameter: Parameter): string {
  const control = settingsOf(parameter)[CONTROL_TYPE];
  return typeof control === "string" && control !== "" ? control : "SingleLineText";
}

/** The lines `value|text` of a parameter that offers options. */
export function optionsOf(parameter: Parameter): string {
  const options = settingsOf(parameter)[SELECT_OPTIONS];
  return typeof options === "string" ? options : "";
}

export function withControl(parameter: Parameter, control: string, options: string): Parameter {
  const { [SELECT_OPTIONS]: _, ...rest } = settingsOf(parameter);
  const settings = { ...rest, [CONTROL_TYPE]: control, ...(control === "Select" ? { [SELECT_OPTIONS]: options } : {}) };
  return { ...parameter, DisplaySettings: settings };
}

function settingsOf(parameter: Parameter): Content {
  return isObject(parameter["DisplaySettings"]) ? parameter["DisplaySettings"] : {};
}

/** Moves an element of a list by some places; at the ends it stays. */
export function moved<T>(list: readonly T[], index: number, by: number): T[] {
  const at = Math.max(0, Math.min(list.length - 1, index + by));
  const rest = list.filter((_, place) => place !== index);
  return [...rest.slice(0, at), ...list.slice(index, index + 1), ...rest.slice(at)];
}

/** A default or property as a person reads it; a sensitive one is never shown. */
export function shownValue(value: unknown, isSensitive = false): { text: string; isValue: boolean } {
  if (isSealed(value)) return { text: (value as Content)["HasValue"] === false ? "sensitive, not set" : "sensitive, set", isValue: false };
  if (value === null || value === undefined || value === "") return { text: "none", isValue: false };
  if (isSensitive) return { text: "sensitive, set", isValue: false };
  return { text: typeof value === "string" ? value : JSON.stringify(value), isValue: true };
}

export function newTemplate(name: string, description: string, syntax: string): Content {
  return {
    Name: name,
    Description: description,
    ActionType: "Octopus.Script",
    Properties: { "Octopus.Action.Script.ScriptSource": "Inline", [SCRIPT_SYNTAX]: syntax, [SCRIPT_BODY]: "" },
    Parameters: [],
  };
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
