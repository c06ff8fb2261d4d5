// Where one can go, in the order of the menu.
import {
  Boxes,
  CircleUser,
  FolderTree,
  GitPullRequest,
  House,
  KeyRound,
  RefreshCcwDot,
  ScrollText,
  Send,
  Server,
  Split,
  Variable,
} from "lucide-react";

import type { Icon } from "../ui/Button";

export type Place = { to: string; label: string; icon: Icon; keys?: string; waits?: "conflicts" | "proposals" };

/** Rollouts and Progression take their place after Library, with the capabilities behind them. */
export const PLACES: readonly { title: string; places: readonly Place[] }[] = [
  {
    title: "Fleet",
    places: [
      { to: "/", label: "Overview", icon: House, keys: "g o" },
      { to: "/nodes", label: "Nodes", icon: Server, keys: "g n" },
      { to: "/groups", label: "Groups", icon: FolderTree, keys: "g g" },
      { to: "/enrol", label: "Enrollment", icon: KeyRound, keys: "g e" },
    ],
  },
  {
    title: "Library",
    places: [
      { to: "/templates", label: "Templates", icon: Boxes, keys: "g t" },
      { to: "/variable-sets", label: "Variable sets", icon: Variable, keys: "g v" },
      { to: "/publications", label: "Publications", icon: Send, keys: "g p" },
      { to: "/proposals", label: "Proposals", icon: GitPullRequest, keys: "g r", waits: "proposals" },
      { to: "/conflicts", label: "Conflicts", icon: Split, keys: "g c", waits: "conflicts" },
      { to: "/sync", label: "Sync", icon: RefreshCcwDot, keys: "g s" },
    ],
  },
  {
    title: "Administration",
    places: [
      { to: "/access", label: "Access", icon: CircleUser, keys: "g x" },
      { to: "/audit", label: "Audit", icon: ScrollText, keys: "g a" },
    ],
  },
];
