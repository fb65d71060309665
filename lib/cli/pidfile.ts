import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'

/** Writes the number of this process to a file, which is removed at the end if it still names this process. */
export function writePidfile(path: string): void {
  writeFileSync(path, `${process.pid}\n`)
  process.on('exit', () => {
    try {
      if (Number(readFileSync(path, 'utf8')) === process.pid) unlinkSync(path)
    } catch {
      // Somebody else removed it.
    }
  })
}
