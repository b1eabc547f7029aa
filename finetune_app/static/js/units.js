// Bytes as people read them; the same words as the server's.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function inUnits(bytes) {
  let unit = 0;
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit ? bytes.toFixed(1) : bytes} ${UNITS[unit]}`;
}
