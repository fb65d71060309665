import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeReply, type ReplyValue } from '../../lib/resp/encode.ts'
import {
  agreedSettings,
  joinedGraphs,
  joinedTexts,
  latencyHistograms,
  latencySamples,
  latestLatencies,
  memoryStats,
  type ReportMerge,
  runningFunction,
  slowEntries,
} from '../../lib/router/server-reports.ts'

/** The report as RESP2 text, from frames of either version of the protocol. */
function report(merge: ReportMerge, frames: readonly string[], ...args: string[]): string {
  const names = frames.map((_, i) => `node:${i}`)
  const value: ReplyValue = merge({
    frames: frames.map((frame) => Buffer.from(frame)),
    names,
    args: args.map((arg) => Buffer.from(arg)),
  })
  return encodeReply(value, 2).toString()
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

describe('a report of several servers', () => {
  it('is one text where all say the same, else each under its name', () => {
    assert.equal(report(joinedTexts, [bulk('fine'), bulk('fine')]), bulk('fine'))
    assert.equal(
      report(joinedTexts, [bulk('fine\n'), '=7\r\ntxt:bad\r\n']),
      bulk('# node:0\nfine\n\n# node:1\nbad\n')
    )
  })

  it('of LATENCY GRAPH leaves out who has no samples', () => {
    const none = "-ERR No samples available for event 'x'\r\n"
    assert.equal(report(joinedGraphs, [none, none]), none)
    assert.equal(report(joinedGraphs, [none, bulk('graph')]), bulk('graph'))
  })

  it('of FUNCTION STATS is that of the node where one runs', () => {
    const idle = `*4\r\n${bulk('running_script')}$-1\r\n${bulk('engines')}*0\r\n`
    const busy = `%2\r\n${bulk('running_script')}${bulk('f')}${bulk('engines')}*0\r\n`
    assert.match(report(runningFunction, [idle, busy, idle]), /running_script\r\n\$1\r\nf\r\n/)
    assert.match(report(runningFunction, [idle, idle]), /running_script\r\n\$-1\r\n/)
  })

  it('of LATENCY LATEST has the latest and the longest of each event', () => {
    const event = (name: string, at: number, latest: number, longest: number): string =>
      `*4\r\n${bulk(name)}:${at}\r\n:${latest}\r\n:${longest}\r\n`
    assert.equal(
      report(latestLatencies, [
        `*2\r\n${event('command', 10, 5, 90)}${event('fork', 1, 1, 1)}`,
        '*0\r\n',
        `*1\r\n${event('command', 20, 7, 8)}`,
      ]),
      `*2\r\n${event('command', 20, 7, 90)}${event('fork', 1, 1, 1)}`
    )
  })

  it('of LATENCY HISTORY has the samples of all by time', () => {
    const sample = (at: number): string => `*2\r\n:${at}\r\n:1\r\n`
    assert.equal(
      report(latencySamples, [`*2\r\n${sample(1)}${sample(5)}`, `*1\r\n${sample(3)}`]),
      `*3\r\n${sample(1)}${sample(3)}${sample(5)}`
    )
  })

  it('of SLOWLOG GET has the newest entries of all, as many as are asked for', () => {
    const entry = (at: number): string => `*2\r\n:0\r\n:${at}\r\n`
    const frames = [`*2\r\n${entry(5)}${entry(1)}`, `*1\r\n${entry(3)}`]
    assert.equal(report(slowEntries, frames, 'SLOWLOG', 'GET', '2'), `*2\r\n${entry(5)}${entry(3)}`)
    assert.match(report(slowEntries, frames, 'SLOWLOG', 'GET'), /^\*3/)
    assert.match(report(slowEntries, frames, 'SLOWLOG', 'GET', '-1'), /^\*3/)
  })

  it('of LATENCY HISTOGRAM adds calls up, and counts in each bucket what is below', () => {
    const histogram = (calls: number, ...buckets: number[]): string =>
      `*2\r\n${bulk('get')}*4\r\n${bulk('calls')}:${calls}\r\n${bulk('histogram_usec')}*${buckets.length}\r\n${buckets.map((n) => `:${n}\r\n`).join('')}`
    assert.equal(
      report(latencyHistograms, [histogram(5, 1, 2, 4, 5), histogram(3, 2, 1, 8, 3), '%0\r\n']),
      histogram(8, 1, 2, 2, 3, 4, 6, 8, 8)
    )
  })

  it('of MEMORY STATS adds bytes up, works shares out, and has the highest of other ratios', () => {
    const stats = (numbers: readonly (readonly [string, string])[]): string =>
      `*${2 * numbers.length}\r\n${numbers.map(([name, text]) => bulk(name) + text).join('')}`
    const one = (total: number, ratio: string): string =>
      stats([
        ['peak.allocated', ':200\r\n'],
        ['total.allocated', `:${total}\r\n`],
        ['startup.allocated', ':10\r\n'],
        ['db.0', `*2\r\n${bulk('overhead')}:3\r\n`],
        ['keys.count', ':4\r\n'],
        ['keys.bytes-per-key', ':99\r\n'],
        ['dataset.bytes', ':50\r\n'],
        ['dataset.percentage', bulk('12')],
        ['peak.percentage', bulk('12')],
        ['fragmentation', bulk(ratio)],
      ])
    assert.equal(
      report(memoryStats, [one(100, '1.5'), one(120, '2.5')]),
      stats([
        ['peak.allocated', ':400\r\n'],
        ['total.allocated', ':220\r\n'],
        ['startup.allocated', ':20\r\n'],
        ['db.0', `*2\r\n${bulk('overhead')}:6\r\n`],
        ['keys.count', ':8\r\n'],
        ['keys.bytes-per-key', ':25\r\n'],
        ['dataset.bytes', ':100\r\n'],
        ['dataset.percentage', bulk('50')],
        ['peak.percentage', bulk('55')],
        ['fragmentation', bulk('2.5')],
      ])
    )
  })

  it('of CONFIG GET has values that differ side by side', () => {
    const settings = (port: string): string =>
      `*4\r\n${bulk('port')}${bulk(port)}${bulk('save')}$0\r\n\r\n`
    assert.equal(
      report(agreedSettings, [settings('1'), settings('2'), settings('1')]),
      settings('1 | 2')
    )
  })
})
