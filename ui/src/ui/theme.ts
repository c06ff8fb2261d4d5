// Colours and sizes; changed from the library's own only where WCAG 2.2 asks for more contrast.
import { createTheme, type CSSVariablesResolver, localStorageColorSchemeManager } from "@mantine/core";

export const colorScheme = localStorageColorSchemeManager({ key: "atoll.theme" });

export const theme = createTheme({
  primaryColor: "cyan",
  primaryShade: { light: 9, dark: 9 },
  defaultRadius: "sm",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  headings: { fontWeight: "600" },
  respectReducedMotion: true,
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#52585e",
    "--mantine-color-placeholder": "#5c636a",
    "--mantine-color-error": "#c01c28",
    "--mantine-color-anchor": "#0b5c6b",
  },
  dark: {
    "--mantine-color-dimmed": "#b0b6bd",
    "--mantine-color-placeholder": "#a5abb2",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-anchor": "#66d9e8",
  },
});
