/** A file of which a preview reads parts. */

/** Reads parts of a file, and counts what it gives. */
export function parts(file: Uint8Array) {
  const given = { bytes: 0 };
  const part = async (start: number, end: number) => {
    const bytes = file.slice(start, end);
    given.bytes += bytes.length;
    return bytes;
  };
  return { part, given };
}
