import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** A process and all that it started. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return [pid, ...children.filter((text) => text !== '').flatMap((text) => familyOf(Number(text)))]
}

/** CPU time of processes so far, with those that they started, user and system, in microseconds (fields 14 and 15 of proc(5) `stat`). */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids.flatMap(familyOf)) {
    // The name in the second field may hold blanks and brackets: count from its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks * 1e6) / TICKS_PER_SECOND
}

/** Resident memory of processes together, with those that they started, in MiB. */
export function residentMebibytes(pids: readonly number[]): number {
  let kibibytes = 0
  for (const pid of pids.flatMap(familyOf)) {
    kibibytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  }
  return kibibytes / 1024
}

/** How many files each process may have open; NaN: as many as it likes (proc(5) `limits`). */
export function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
}
