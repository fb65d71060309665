import type { Row } from './rehearsal.ts'

const HEAD = [
  'operation',
  's',
  'requests',
  'errors',
  'gap ms',
  'cluster ms',
  'lost',
  'by cluster',
  'order',
  'wrong',
  'double',
  'seen',
  'moved',
  'asked',
  'result',
] as const
const WIDTHS = [12, 4, 8, 28, 7, 10, 5, 10, 6, 6, 7, 5, 6, 6, 6] as const
/** Columns that hold words. */
const WORDS: ReadonlySet<number> = new Set([0, 3, 14])

function line(cells: readonly (string | number)[]): string {
  const padded = cells.map((cell, column) => {
    const width = WIDTHS[column] ?? 0
    return WORDS.has(column) ? String(cell).padEnd(width) : String(cell).padStart(width)
  })
  return padded.join('  ').trimEnd()
}

/** The heading of the table. */
export function tableHead(): string {
  return `${line(HEAD)}\n${line(WIDTHS.map((width) => '-'.repeat(width)))}`
}

/** The line of one operation, and below it what explains why it was not as expected. */
export function tableRow(row: Row): string {
  const { operation, tally, broken } = row
  const errors = [...tally.errors].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const cells = [
    operation.name,
    row.seconds.toFixed(),
    tally.requests,
    errors === '' ? '0' : errors,
    row.gap.toFixed(),
    row.directGap.toFixed(),
    tally.lost,
    tally.lostByCluster,
    tally.orderViolations,
    tally.wrongValues,
    tally.doubleIncrements,
    tally.redirectsSeen,
    row.moved,
    row.asked,
    broken.length === 0 ? 'ok' : `BROKEN: ${broken.join(', ')}`,
  ]
  const notes = broken.length === 0 ? [] : tally.notes.map((note) => `    ${note.slice(0, 300)}`)
  return [line(cells), ...notes].join('\n')
}
