/** Bytes as `bytesToHuman` of the server writes them. */
export function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P']
  let size = bytes
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return unit === 0 ? `${bytes}B` : `${size.toFixed(2)}${units[unit]}`
}
