/** How work that a person has interrupted ends. */
import { TendrilError } from "../core/index.ts";

/** The work was asked to stop, and can go on. */
export class StoppedError extends TendrilError {
  /** @param message  how far it has come and how to go on */
  constructor(message: string) {
    super("stopped", message);
  }
}
