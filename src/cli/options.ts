/** Parsers of option values: what is wrong, and what would be right. */
import { InvalidArgumentError } from "commander";

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
