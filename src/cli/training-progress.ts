/** Progress bars of training: of what is read and computed first, and of the run. */
import { Bar } from "cli-progress";
import type { Metrics, TrainingConfig } from "../train/index.ts";

/** A bar that appears with the first progress: what is there already shows none. */
export async function withBar<T>(
  what: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const bar = new Bar({ ...BAR, format: `${what} {bar} {value}/{total}  {eta_formatted} left`, barsize: BAR_COLUMNS });
  try {
    return await work((done, total) => {
      if (!bar.isActive) bar.start(total, done);
      // A second stage of the same work counts anew.
      else if (total !== bar.getTotal()) bar.setTotal(total);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}

/** Columns that the text beside the bar takes, and the most that the bar takes of the rest; a narrow terminal has none. */
const TEXT_COLUMNS = 84;
const BAR_COLUMNS = 40;
/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 10_000;

const BAR = {
  barCompleteChar: "\u2588",
  barIncompleteChar: "\u2591",
  hideCursor: true,
  noTTYOutput: true,
  notTTYSchedule: LINE_EVERY,
  // An interrupt is the run's to handle.
  gracefulExit: false,
};

/** On standard error: a bar on a terminal, a line now and then elsewhere. */
export function progressBar({ steps, batch }: TrainingConfig) {
  const room = (process.stderr.columns ?? 120) - TEXT_COLUMNS;
  const bar = new Bar({
    ...BAR,
    // The least needed stands last: where the terminal is too narrow, the end is cut off.
    format: "{bar} {value}/{total}  {text}",
    barsize: Math.min(BAR_COLUMNS, Math.max(0, room)),
  });
  let first = 0;
  let started = 0;
  let idle = 0;
  return {
    start(step: number): void {
      first = step;
      started = performance.now();
      bar.start(steps, step, { text: step === 0 ? "starting" : "going on" });
    },
    update({ step, loss, learningRate: _, gradientNorm: __, ...terms }: Metrics, waited: number): void {
      const seconds = (performance.now() - started) / 1000;
      const done = step - first;
      idle += waited / 1000;
      const each = Object.entries(terms).map(([name, value]) => `${name} ${value.toFixed(2)}`);
      const speed = `${Math.round((done * batch) / seconds)} samples/s (${Math.round((100 * idle) / seconds)} % waiting)`;
      const left = step < steps ? `${duration(((steps - step) * seconds) / done)} left` : `took ${duration(seconds)}`;
      bar.update(step, { text: `${left}  ${speed}  loss ${loss.toFixed(3)}: ${each.join(", ")}` });
    },
    stop: () => bar.stop(),
  };
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
