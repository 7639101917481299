// Grey values of codes under a window: DICOM PS3.3 C.11.2.1.3.2, VOI LUT Function LINEAR_EXACT.

export const CODES = 65536;

/** The physical value of a code: the same straight line for every case. */
export function physical(code, { lower, upper }) {
  return lower + ((upper - lower) * code) / (CODES - 1);
}

/**
 * Fill `table` (65,536 opaque RGBA words) with the grey of every code.
 *
 * A value at center - width/2 or below is black, at center + width/2 or above white. All 16 bits of a code take
 * part: only the grey that comes out has 8. The words are little-endian, as every browser's host is.
 */
export function fillTable(table, range, { center, width }, invert) {
  const step = (range.upper - range.lower) / (CODES - 1);
  const black = center - width / 2;
  for (let code = 0; code < CODES; code += 1) {
    const share = Math.min(Math.max((range.lower + step * code - black) / width, 0), 1);
    const grey = Math.round(255 * (invert ? 1 - share : share));
    table[code] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
}

/** The narrowest window is one code wide, the widest four times all codes. */
export function clampWindow({ center, width }, { lower, upper }) {
  const range = upper - lower;
  return {
    center: Math.min(Math.max(center, lower - range), upper + range),
    width: Math.min(Math.max(width, range / (CODES - 1)), 4 * range),
  };
}

/** The window after a drag of dx, dy pixels: rightwards is wider, downwards is a higher level, thus darker. */
export function draggedWindow({ center, width }, dx, dy, range) {
  return clampWindow({ center: center + (dy * width) / 300, width: width * Math.exp(dx / 200) }, range);
}

/** As many decimals as a window on this range needs, and no more. */
export function decimals({ lower, upper }) {
  return Math.max(0, Math.ceil(3 - Math.log10(upper - lower)));
}
