/** The keyboard: which key it was, and the table's action for it (`keys.ts`). */
import { actions, type KeyAction, type Page } from "./keys.ts";

/** A key event as the table writes it: "Ctrl+Shift+Z", "Alt+1", "?", "Escape". */
export function chordOf(
  event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">,
): string {
  // Digits by their place: with Alt or on a French keyboard their characters are others.
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const key = digit ?? (event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key);
  // A sign is what it is, whichever modifiers the keyboard needs to type it ("[" is AltGr+8 on a German one).
  const isSign = digit === undefined && key.length === 1 && key.toLowerCase() === key.toUpperCase();
  if (isSign) return event.ctrlKey && !event.altKey ? `Ctrl+${key}` : key;
  return [
    event.ctrlKey || event.metaKey ? "Ctrl+" : "",
    event.altKey ? "Alt+" : "",
    event.shiftKey && digit === undefined ? "Shift+" : "",
    key,
  ].join("");
}

const byChord = new Map(actions.flatMap((action) => action.keys.map((key) => [key, action] as const)));

/** Listens to the keyboard until the returned function is called. */
export function listen(page: Page): () => void {
  // By the events' own times: what a key shows may take the page longer to draw than the finger is on it.
  const down = new Map<string, { action: KeyAction; key: string; since: number }>();

  const keydown = (event: KeyboardEvent) => {
    updateModifiers(page, event);
    const key = chordOf(event);
    const action = byChord.get(key);
    if (!action?.run || leaveToControl(event)) return;
    event.preventDefault();
    if (event.repeat && !action.repeats) return;
    if (!event.repeat) down.set(event.code, { action, key, since: event.timeStamp });
    action.run(page, key);
  };
  const keyup = (event: KeyboardEvent) => {
    updateModifiers(page, event);
    release(event.code, event.timeStamp);
  };
  // Keys that go up while another window has the keyboard are never reported.
  const blur = () => {
    for (const code of [...down.keys()]) release(code, Number.POSITIVE_INFINITY);
  };
  const release = (code: string, now: number) => {
    const held = down.get(code);
    down.delete(code);
    held?.action.release?.(page, now - held.since, held.key);
  };

  window.addEventListener("keydown", keydown);
  window.addEventListener("keyup", keyup);
  window.addEventListener("blur", blur);
  return () => {
    window.removeEventListener("keydown", keydown);
    window.removeEventListener("keyup", keyup);
    window.removeEventListener("blur", blur);
  };
}

/** Keys that move a slider. */
const SLIDING = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

/** Keys that a focused control needs for itself. */
function leaveToControl({ target, key, ctrlKey }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return !ctrlKey && SLIDING.includes(key);
  if (target instanceof HTMLSelectElement || target instanceof HTMLInputElement) return !ctrlKey;
  const isControl = target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement;
  return isControl && (key === "Enter" || key === " ");
}

function updateModifiers({ hand }: Page, event: KeyboardEvent): void {
  const { isOpposite } = hand.modifiers();
  hand.setModifiers({ isOpposite, isInverted: event.altKey, isErasing: event.shiftKey });
}
