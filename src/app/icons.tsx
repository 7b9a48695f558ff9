/** Line icons of the tool strip, 20 x 20. */
import type { JSX } from "solid-js";

const PATHS = {
  scribble: "M3 14c2.5-7 4.500-8 5.500-4.500S11 15 12.500 11.500 15 6 17 5",
  brush:
    "M16.500 3.500 9 11M9 11c-2-.6-3.600.6-3.900 2.700-.2 1.500-.9 2.300-2.100 2.800 2.600.8 5.900.4 6.900-2.100.5-1.300.1-2.700-.9-3.400z",
  erase: "M8.500 16.500h8M4 12.500 11.500 5l4.500 4.500-7 7h-2zM7.500 9l4.500 4.500",
  swap: "M4 7h11l-3-3M16 13H5l3 3",
  undo: "M7.500 4 4 7.500 7.500 11M4 7.500h7.500a4.500 4.500 0 0 1 0 9H8",
  redo: "M12.500 4 16 7.500 12.500 11M16 7.500H8.500a4.500 4.500 0 0 0 0 9H12",
  overlay: "M2.500 10S5.500 5 10 5s7.500 5 7.500 5-3 5-7.500 5-7.500-5-7.500-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  parts: "M10 3.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM10 3.500v13M10 7h5.700M10 10h6.500M10 13h5.700",
  fit: "M3.500 7V3.500H7M13 3.500h3.500V7M16.500 13v3.500H13M7 16.500H3.500V13M7.500 8h5v4h-5z",
  export: "M10 3v9M6.500 8.500 10 12l3.500-3.500M4 13.500v3h12v-3",
  open: "M3 16V4.500h5l1.500 2H17V16z",
  sheet: "M7.500 7.500a2.500 2.500 0 1 1 3.600 2.200c-.8.4-1.100.9-1.100 1.800M10 14.500v.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
