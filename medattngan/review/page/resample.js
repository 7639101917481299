// Codes at the pixels of the screen. Interpolating codes, and windowing afterwards, keeps all 16 bits between pixels.

/** Cubic convolution with a = -1/2. Keys 1981, doi:10.1109/TASSP.1981.1163711, Eq. 15. It passes through the pixels. */
function cubic(distance) {
  const d = Math.abs(distance);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  if (d < 2) return ((-0.5 * d + 2.5) * d - 4) * d + 2;
  return 0;
}

/**
 * Which source pixels, with what weight, make each screen pixel of one axis.
 *
 * The source covers [origin, origin + length·scale) on the screen. `first` is the first screen pixel whose middle lies
 * in it, cut to [0, size); edges are repeated. Below 1 the kernel is stretched, so that nothing is skipped.
 */
export function axis(length, origin, scale, size, smooth) {
  const first = Math.min(Math.max(Math.ceil(origin - 0.5), 0), size);
  const last = Math.min(Math.max(Math.ceil(origin + length * scale - 0.5), first), size);
  const stretch = Math.max(1, 1 / scale);
  const taps = smooth ? 2 * Math.ceil(2 * stretch) : 1;
  const sources = new Int32Array((last - first) * taps);
  const weights = new Float32Array((last - first) * taps);
  for (let pixel = first; pixel < last; pixel += 1) {
    const position = (pixel + 0.5 - origin) / scale - 0.5;
    const base = smooth ? Math.floor(position) - taps / 2 + 1 : Math.round(position);
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const at = (pixel - first) * taps + tap;
      sources[at] = Math.min(Math.max(base + tap, 0), length - 1);
      weights[at] = smooth ? cubic((base + tap - position) / stretch) : 1;
      sum += weights[at];
    }
    for (let tap = 0; tap < taps; tap += 1) weights[(pixel - first) * taps + tap] /= sum;
  }
  return { first, last, taps, sources, weights };
}

/** `codes` (height × width, uint16) at the screen pixels of `rows` × `columns`, as uint16. Columns first, then rows. */
export function resample(codes, width, rows, columns) {
  const across = columns.last - columns.first;
  const down = rows.last - rows.first;
  const out = new Uint16Array(across * down);
  const lines = new Map();
  for (let y = 0; y < down; y += 1) {
    const sum = new Float32Array(across).fill(0.5);
    for (let tap = 0; tap < rows.taps; tap += 1) {
      const source = rows.sources[y * rows.taps + tap];
      const weight = rows.weights[y * rows.taps + tap];
      if (!lines.has(source)) lines.set(source, line(codes, source * width, columns, across));
      const values = lines.get(source);
      for (let x = 0; x < across; x += 1) sum[x] += weight * values[x];
    }
    for (let x = 0; x < across; x += 1) out[y * across + x] = Math.min(Math.max(sum[x], 0), 65535);
  }
  return out;
}

/** One source row at the screen's columns. */
function line(codes, start, { taps, sources, weights }, across) {
  const values = new Float32Array(across);
  for (let x = 0; x < across; x += 1) {
    let sum = 0;
    for (let at = x * taps; at < (x + 1) * taps; at += 1) sum += weights[at] * codes[start + sources[at]];
    values[x] = sum;
  }
  return values;
}
