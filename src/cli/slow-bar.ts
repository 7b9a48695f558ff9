/** A progress bar for what may take long; what is done within a second shows none. */
import { Bar } from "cli-progress";

/** Milliseconds; what is done sooner needs no bar. */
const QUICK = 1000;
/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 10_000;

export class SlowBar {
  private readonly bar: Bar;
  private readonly started = performance.now();
  private isShown = false;

  /** @param unit  what is counted: "slices", or nothing */
  constructor(unit = "") {
    this.bar = new Bar({
      format: `{bar} {value}/{total} ${unit} {name}`,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: LINE_EVERY,
    });
  }

  /** @param done  of how many; @param name  what is being done now */
  at(done: number, total: number, name: string): void {
    if (this.isShown) this.bar.update(done, { name });
    else if (performance.now() - this.started > QUICK) {
      this.bar.start(total, done, { name });
      this.isShown = true;
    }
  }

  stop(): void {
    if (this.isShown) this.bar.stop();
  }
}
