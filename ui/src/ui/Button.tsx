import { ActionIcon, Button as MantineButton, Tooltip } from "@mantine/core";
import { type ComponentType, type MouseEvent, type ReactNode, useId } from "react";

export type Icon = ComponentType<{ size?: number | string; "aria-hidden"?: boolean | "true" }>;

type Common = {
  onClick?: ((event: MouseEvent<HTMLButtonElement>) => void) | undefined;
  /** Why it cannot be pressed now. It stays reachable, so that everybody can find out why. */
  disabledReason?: string | undefined;
  isBusy?: boolean | undefined;
};

type ButtonProps = Common & {
  children: ReactNode;
  kind?: "primary" | "default" | "danger" | "quiet";
  type?: "button" | "submit";
  icon?: Icon | undefined;
  size?: "xs" | "sm";
};

/** The reason reaches everybody: mouse, keyboard and finger. */
const SHOWN = { hover: true, focus: true, touch: true };

const LOOKS = {
  primary: { variant: "filled" },
  default: { variant: "default" },
  danger: { variant: "filled", color: "red.9" },
  quiet: { variant: "subtle" },
} as const;

/** A button. While it cannot be pressed it says why. */
export function Button(props: ButtonProps) {
  const { children, kind = "default", type = "button", icon: Glyph, size = "sm", disabledReason, isBusy, onClick } = props;
  const reasonId = useId();
  const isOff = disabledReason !== undefined;
  const button = (
    <MantineButton
      {...LOOKS[kind]}
      type={type}
      size={size}
      loading={isBusy ?? false}
      leftSection={Glyph ? <Glyph size={16} aria-hidden /> : undefined}
      aria-disabled={isOff || undefined}
      aria-describedby={isOff ? reasonId : undefined}
      className={isOff ? "is-off" : undefined}
      onClick={(event) => {
        // A form that is sent while it cannot be says why itself.
        if (!isOff) onClick?.(event);
        else if (type !== "submit") event.preventDefault();
      }}
    >
      {children}
    </MantineButton>
  );
  if (!isOff) return button;
  return (
    <Tooltip label={disabledReason} multiline maw={320} events={SHOWN}>
      <span>
        {button}
        <span id={reasonId} hidden>
          {disabledReason}
        </span>
      </span>
    </Tooltip>
  );
}

type IconButtonProps = Common & { label: string; icon: Icon };

/** A button that shows only a picture; its name is told on hover and to readers. */
export function IconButton({ label, icon: Glyph, onClick, disabledReason, isBusy }: IconButtonProps) {
  const isOff = disabledReason !== undefined;
  return (
    <Tooltip label={disabledReason ?? label} events={SHOWN}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        aria-disabled={isOff || undefined}
        loading={isBusy ?? false}
        onClick={(event) => {
          if (!isOff) onClick?.(event);
        }}
      >
        <Glyph size={18} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
