/** What commands have in common: parsers of option values, which say what is wrong and what would be right, and exit codes. */
import { InvalidArgumentError, Option } from "commander";

/** Exit codes of a command that a signal has ended, by the shells' custom: 128 and the signal's number. */
export const STOPPED_BY = { SIGINT: 130, SIGTERM: 143 } as const;

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Number.MAX_SAFE_INTEGER
          ? `Give a whole number, ${least} or more.`
          : `Give a whole number from ${least} to ${most}.`,
      );
    return value;
  };
}

export function stepSize(text: string): number {
  const step = Number(text);
  if (!(step > 0 && step <= 1)) throw new InvalidArgumentError("Give a number above 0 and at most 1, such as 0.5.");
  return step;
}

/** Step sizes, each above 0 and at most 1, separated by commas. */
export function stepSizes(text: string): number[] {
  const steps = text.split(",").map(Number);
  if (!steps.every((step) => step > 0 && step <= 1))
    throw new InvalidArgumentError("Give numbers above 0 and at most 1, separated by commas, such as 0.25,0.5,1.");
  return steps;
}

/** `--pen scribble|brush` */
export function penOption(): Option {
  return new Option("--pen <kind>", "what the annotator draws with: a thin pen, or a brush as wide as helps")
    .choices(["scribble", "brush"])
    .default("scribble");
}

/** `--opening stroke|box` */
export function openingOption(): Option {
  return new Option("--opening <kind>", "what the annotator begins with: a stroke inside, or a box around the object")
    .choices(["stroke", "box"])
    .default("stroke");
}
