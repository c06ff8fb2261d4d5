// What stands around every page: where one can go, what waits, how fresh it is, and who one is.
import { Kbd, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { CircleUser, Search } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { useStatus, useWho } from "../api/standing";
import { useLive } from "../live/live";
import { MenuButton } from "../ui/MenuButton";
import { Toasts } from "../ui/toast";
import { useKeys } from "./keys";
import { LiveIndicator } from "./Live";
import { PLACES } from "./places";
import { SignInAgain, signOut } from "./session";

const Palette = lazy(() => import("./Palette").then((module) => ({ default: module.Palette })));
const HelpDialog = lazy(() => import("./Help").then((module) => ({ default: module.HelpDialog })));

export function Shell() {
  useLive();
  const navigate = useNavigate();
  const [isSearching, setSearching] = useState(false);
  const [isHelping, setHelping] = useState(false);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const go = Object.fromEntries(
    PLACES.flatMap(({ places }) => places.map((place) => [place.keys ?? "", () => void navigate({ to: place.to })])),
  );
  useKeys({
    ...go,
    "mod+k": () => setSearching(true),
    "?": () => setHelping(true),
    "/": () => document.querySelector<HTMLInputElement>("search input")?.focus(),
  });
  return (
    <div className="shell">
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <header className="shell-header">
        <UnstyledButton className="shell-menu cli-button" aria-expanded={isMenuOpen} onClick={() => setMenuOpen(!isMenuOpen)}>
          Menu
        </UnstyledButton>
        <Link to="/" className="shell-brand">
          <img src="/icon.svg" alt="" width={24} height={24} /> Atoll
        </Link>
        <UnstyledButton className="shell-search" onClick={() => setSearching(true)} aria-haspopup="dialog">
          <Search size={15} aria-hidden /> Search or run a command <Kbd size="xs">Ctrl K</Kbd>
        </UnstyledButton>
        <span className="shell-spacer" />
        <LiveIndicator />
        <UserMenu onHelp={() => setHelping(true)} />
      </header>
      <Navigation isOpen={isMenuOpen} onGo={() => setMenuOpen(false)} />
      <main id="content" className="shell-main" tabIndex={-1}>
        <Outlet />
      </main>
      <Suspense>
        {isSearching ? <Palette onClose={() => setSearching(false)} /> : null}
        {isHelping ? <HelpDialog onClose={() => setHelping(false)} /> : null}
      </Suspense>
      <SignInAgain />
      <Toasts />
    </div>
  );
}

function Navigation({ isOpen, onGo }: { isOpen: boolean; onGo: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const status = useStatus();
  const waiting = { conflicts: status.data?.conflictsOpen ?? 0n, proposals: status.data?.proposalsOpen ?? 0n };
  return (
    <nav className={isOpen ? "shell-nav is-open" : "shell-nav"} aria-label="Main">
      {PLACES.map(({ title, places }) => (
        <div key={title} role="group" aria-label={title}>
          <div className="shell-nav-title" aria-hidden>
            {title}
          </div>
          {places.map(({ to, label, icon: Glyph, waits }) => {
            const isHere = to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
            const count = waits ? waiting[waits] : 0n;
            return (
              <Link key={to} to={to} className="shell-link" onClick={onGo} aria-current={isHere ? "page" : undefined}>
                <Glyph size={17} aria-hidden />
                {label}
                {count > 0n ? (
                  <span className="badge">
                    {count.toLocaleString("en")}
                    <span className="visually-hidden"> waiting</span>
                  </span>
                ) : null}
              </Link>
            );
          })}
        </div>
      ))}
    </nav>
  );
}

function UserMenu({ onHelp }: { onHelp: () => void }) {
  const who = useWho();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const schemes = { auto: "As the system", light: "Light", dark: "Dark" } as const;
  return (
    <MenuButton
      label={`Signed in as ${who.data?.name ?? "…"}: menu`}
      groups={[
        {
          title: "Theme",
          items: Object.entries(schemes).map(([scheme, label]) => ({
            id: scheme,
            label,
            isCurrent: colorScheme === scheme,
            onClick: () => setColorScheme(scheme as keyof typeof schemes),
          })),
        },
        {
          title: "You",
          items: [
            { id: "help", label: "Keyboard and settings", onClick: onHelp },
            { id: "out", label: "Sign out", onClick: () => void signOut() },
          ],
        },
      ]}
    >
      <CircleUser size={16} aria-hidden /> {who.data?.name ?? "…"}
    </MenuButton>
  );
}
