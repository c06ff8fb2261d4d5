// A button that opens a short list of acts.
import { Popover, UnstyledButton } from "@mantine/core";
import { type ReactNode, useState } from "react";

export type MenuItem = { id: string; label: ReactNode; onClick: () => void; isCurrent?: boolean };
export type MenuGroup = { title: string; items: readonly MenuItem[]; empty?: string };

type MenuButtonProps = { label: string; children: ReactNode; groups: readonly MenuGroup[] };

export function MenuButton({ label, children, groups }: MenuButtonProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" width={260} shadow="md" trapFocus withRoles={false}>
      <Popover.Target>
        <UnstyledButton className="cli-button menu-button" aria-label={label} aria-haspopup="dialog" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {children}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown p={4} role="dialog" aria-label={label}>
        {groups.map((group) => (
          <div key={group.title} role="group" aria-label={group.title}>
            <div className="menu-title" aria-hidden>
              {group.title}
            </div>
            {group.items.length === 0 && group.empty ? <div className="menu-empty">{group.empty}</div> : null}
            {group.items.map((item) => (
              <UnstyledButton
                key={item.id}
                className="menu-item"
                aria-current={item.isCurrent ? "true" : undefined}
                onClick={() => {
                  setOpen(false);
                  item.onClick();
                }}
              >
                {item.label}
                {item.isCurrent ? <span aria-hidden> ✓</span> : null}
              </UnstyledButton>
            ))}
          </div>
        ))}
      </Popover.Dropdown>
    </Popover>
  );
}
