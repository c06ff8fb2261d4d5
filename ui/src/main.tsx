import "@mantine/core/styles.css";
import "./ui/ui.css";

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { createQueryClient } from "./api/query";
import { loadPages, router } from "./shell/router";
import { colorScheme, cssVariables, theme } from "./ui/theme";

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorScheme} cssVariablesResolver={cssVariables}>
        <QueryClientProvider client={createQueryClient()}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}

// After the first page has had its time: what is gone to later needs no network for being drawn.
setTimeout(() => void loadPages(), 3_000);
