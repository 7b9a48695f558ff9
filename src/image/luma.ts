/** BT.601 in 16-bit fixed point with Pillow's numbers, which add up to 65536: equal red, green and blue stay what they are. */
export function luma(red: number, green: number, blue: number): number {
  return Math.floor((red * 19595 + green * 38470 + blue * 7471 + 32768) / 65536);
}
