import { expect, test, vi } from "vitest";
import { chordOf, listen } from "../../src/app/keyboard.ts";
import { ACTIONS, actions, tooltipOf } from "../../src/app/keys.ts";

const plain = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

test("no two actions have the same key", () => {
  const keys = actions.filter(({ run }) => run).flatMap((action) => action.keys);
  expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
});

test("every action says what it does, and those with a key do something", () => {
  for (const { label, keys, run } of actions) {
    expect(label).toMatch(/^[A-Z]/);
    expect(keys.length).toBeGreaterThan(0);
    const isMouse = keys.every((key) => /drag|drop|wheel|pinch|hold/.test(key));
    expect(run === undefined).toBe(isMouse);
  }
});

test("digits mean candidates and nothing else but with Alt", () => {
  const digits = actions.filter(({ keys }) => keys.some((key) => /^[1-9]$/.test(key)));
  expect(digits.map(({ group }) => group)).toEqual(["Candidates"]);
});

test("a tooltip names the key", () => {
  expect(tooltipOf(ACTIONS.undo)).toBe("Undo (Ctrl+Z)");
});

test("key events are written as the table writes them", () => {
  expect(chordOf({ ...plain, key: "z", code: "KeyZ", ctrlKey: true })).toBe("Ctrl+Z");
  expect(chordOf({ ...plain, key: "Z", code: "KeyZ", ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+Z");
  expect(chordOf({ ...plain, key: "z", code: "KeyZ", metaKey: true })).toBe("Ctrl+Z");
  expect(chordOf({ ...plain, key: " ", code: "Space" })).toBe("Space");
  expect(chordOf({ ...plain, key: "?", code: "Slash", shiftKey: true })).toBe("?");
  expect(chordOf({ ...plain, key: "ArrowUp", code: "ArrowUp", shiftKey: true })).toBe("Shift+ArrowUp");
});

test("digits are told by their place, signs by what they are, on every keyboard", () => {
  const frenchOne = { ...plain, key: "&", code: "Digit1" };
  expect(chordOf(frenchOne)).toBe("1");
  const macAltOne = { ...plain, key: "¡", code: "Digit1", altKey: true };
  expect(chordOf(macAltOne)).toBe("Alt+1");
  const germanBracket = { ...plain, key: "[", code: "KeyX", ctrlKey: true, altKey: true };
  expect(chordOf(germanBracket)).toBe("[");
});

test("the browser keeps its own zoom keys", () => {
  const keys = actions.flatMap((action) => action.keys);
  for (const key of ["-", "+", "0"]) {
    const chord = chordOf({ ...plain, key, code: key === "0" ? "Digit0" : "Minus", ctrlKey: true });
    expect(keys).not.toContain(chord);
  }
});

test("a short tap takes, also where the page was busy all the while, and a long one only shows", () => {
  const target = new EventTarget();
  vi.stubGlobal("window", target);
  vi.stubGlobal("HTMLElement", class {});
  const [take, preview] = [vi.fn(), vi.fn()];
  const hand = { modifiers: () => ({ isOpposite: false }), setModifiers: () => undefined };
  const stop = listen({ store: { take, preview }, hand } as unknown as Parameters<typeof listen>[0]);
  const send = (type: string, timeStamp: number) => {
    const event = Object.assign(new Event(type), { ...plain, key: "2", code: "Digit2", repeat: false });
    Object.defineProperty(event, "timeStamp", { value: timeStamp });
    target.dispatchEvent(event);
  };
  const clock = vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValue(9000);
  send("keydown", 1000);
  send("keyup", 1100);
  expect(take.mock.calls).toEqual([[1]]);
  send("keydown", 2000);
  send("keyup", 3000);
  expect(take).toHaveBeenCalledOnce();
  expect(preview.mock.calls).toEqual([[1], [null], [1], [null]]);
  clock.mockRestore();
  stop();
  vi.unstubAllGlobals();
});
