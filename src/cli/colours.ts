/** Colours for standard error: on a terminal alone. By itself picocolors looks at standard output, and colours every pipe where CI is set. */
import pc from "picocolors";

export const colours = pc.createColors(process.stderr.isTTY === true && pc.isColorSupported);
