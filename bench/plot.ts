import type { Measured } from './table.ts'
import { median } from './table.ts'

const WIDTH = 720
const HEIGHT = 320
const MARGIN = 60
const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#8c564b', '#e377c2']

interface Point {
  readonly x: number
  readonly y: number
}

/** Two charts in one SVG: requests per second, and p99 in milliseconds, against the number of clients; a line for each target. */
export function renderPlot(rows: readonly Measured[]): string {
  const charts = [
    chart(
      rows,
      'GET: requests per second against clients',
      ({ requestsPerSecond }) => requestsPerSecond
    ),
    chart(rows, 'GET: p99 in ms against clients', ({ p99 }) => p99),
  ]
  const body = charts.map((each, i) => `<g transform="translate(0 ${i * HEIGHT})">${each}</g>`)
  const size = `width="${WIDTH}" height="${charts.length * HEIGHT}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${body.join('\n')}
</svg>
`
}

function chart(
  rows: readonly Measured[],
  title: string,
  of: (sample: Measured['samples'][number]) => number
): string {
  const targets = [...new Set(rows.map(({ target }) => target))]
  const lines = targets.map((target) =>
    rows
      .filter((row) => row.target === target)
      .map(({ clients, samples }) => ({ x: clients, y: median(samples.map(of)) }))
      .sort((a, b) => a.x - b.x)
  )
  const all = lines.flat()
  const left = Math.log10(Math.min(...all.map(({ x }) => x)))
  const right = Math.log10(Math.max(...all.map(({ x }) => x)))
  const top = Math.max(...all.map(({ y }) => y))
  const place = ({ x, y }: Point): string => {
    const share = right === left ? 0 : (Math.log10(x) - left) / (right - left)
    const across = MARGIN + share * (WIDTH - 2 * MARGIN - 80)
    return `${across.toFixed(1)},${(HEIGHT - MARGIN / 2 - (y / top) * (HEIGHT - MARGIN * 1.5)).toFixed(1)}`
  }
  return [
    `<text x="${MARGIN}" y="20" font-weight="bold">${title}</text>`,
    ...[0, 0.5, 1].map((share) => {
      const [x, y] = place({ x: 10 ** left, y: top * share }).split(',')
      return `<text x="${Number(x) - 8}" y="${y}" text-anchor="end">${round(top * share)}</text>`
    }),
    ...[...new Set(all.map(({ x }) => x))].map((x) => {
      const [across] = place({ x, y: 0 }).split(',')
      return `<text x="${across}" y="${HEIGHT - 10}" text-anchor="middle">${x}</text>`
    }),
    ...lines.map((points, i) => {
      const colour = COLOURS[i % COLOURS.length]
      const end = place(points.at(-1) as Point).split(',')
      const path = points.map(place).join(' ')
      return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/><text x="${Number(end[0]) + 6}" y="${end[1]}" fill="${colour}">${targets[i]}</text>`
    }),
  ].join('\n')
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1)
}
