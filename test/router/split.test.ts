import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { findKeys } from '../../lib/command/keys.ts'
import { keySlot } from '../../lib/command/slot.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'
import {
  argumentsOf,
  frameRequest,
  REQUEST,
  RequestReader,
  type RequestView,
} from '../../lib/resp/request-reader.ts'
import { isSplittable, type Part, splitBySlot } from '../../lib/router/split.ts'

const builtIn = Catalogue.builtIn()

function specOf(name: string, catalogue = builtIn): CommandSpec {
  const spec = catalogue.get(name)
  assert.ok(spec)
  return spec
}

/** What a module's command would look like in a reply to COMMAND. */
function moduleSpec(
  flags: string[],
  [first, last, step]: readonly [number, number, number],
  tips: readonly string[],
  keySpecs: readonly unknown[] = []
): CommandSpec {
  const row = ['module.cmd', -3, flags, first, last, step, [], tips, keySpecs, []]
  return specOf('module.cmd', builtIn.overlaid([row]))
}

const MULTI_SHARD = ['request_policy:multi_shard']

const slotOf = (name: Buffer | string): number => {
  const bytes = Buffer.from(name as string)
  return keySlot(bytes, 0, bytes.length)
}

function split(spec: CommandSpec, view: RequestView): Part[] | string {
  const positions: number[] = []
  const count = findKeys(spec, view, positions)
  assert.ok(count > 0)
  return splitBySlot(view, spec, positions, count)
}

/** The view of a request as a reader has it, between other requests. */
function viewOf(words: readonly (string | Uint8Array)[]): RequestView {
  const other = frameRequest(['PING'])
  const reader = new RequestReader()
  const chunk = Buffer.concat([other.buffer, frameRequest(words).buffer, other.buffer])
  reader.feed(chunk)
  assert.equal(reader.next(), REQUEST)
  assert.equal(reader.next(), REQUEST)
  return reader.request
}

function bytesOf({ bytes, start, end }: Part): Buffer {
  return bytes.subarray(start, end)
}

/** The arguments of a part, read as a node would; the bytes must be exactly one request. */
function wordsOf(part: Part): Buffer[] {
  const reader = new RequestReader()
  reader.feed(bytesOf(part))
  assert.equal(reader.next(), REQUEST)
  assert.equal(reader.end, part.end - part.start)
  return argumentsOf(reader.request)
}

function partsOf(spec: CommandSpec, words: readonly (string | Uint8Array)[]): string[] {
  const parts = split(spec, viewOf(words))
  assert.ok(typeof parts !== 'string')
  return parts.map((part) => `${part.slot} ${part.keys.join(',')}: ${wordsOf(part).join(' ')}`)
}

describe('a request over several slots', () => {
  it('becomes one part for each slot, keys of a slot together in their order', () => {
    assert.deepEqual(partsOf(specOf('mget'), ['MGET', '{a}1', '{b}1', '{a}2', '{b}2', '{a}3']), [
      `${slotOf('a')} 0,2,4: MGET {a}1 {a}2 {a}3`,
      `${slotOf('b')} 1,3: MGET {b}1 {b}2`,
    ])
  })

  it('keeps the value with its key, and the last of two values for one key last', () => {
    assert.deepEqual(partsOf(specOf('mset'), ['mset', 'a', '1', 'b', '2', 'a', '3']), [
      `${slotOf('a')} 0,2: mset a 1 a 3`,
      `${slotOf('b')} 1: mset b 2`,
    ])
  })

  it('keeps keys that occur twice', () => {
    assert.deepEqual(partsOf(specOf('exists'), ['EXISTS', 'a', 'a', 'b']), [
      `${slotOf('a')} 0,1: EXISTS a a`,
      `${slotOf('b')} 2: EXISTS b`,
    ])
  })

  it('repeats what stands before the first key and behind the last', () => {
    const spec = moduleSpec(['readonly'], [2, -2, 1], MULTI_SHARD)
    assert.ok(isSplittable(spec))
    assert.deepEqual(partsOf(spec, ['module.cmd', 'x', 'a', 'b', 'c', 'path']), [
      `${slotOf('a')} 0: module.cmd x a path`,
      `${slotOf('b')} 1: module.cmd x b path`,
      `${slotOf('c')} 2: module.cmd x c path`,
    ])
  })

  it('is one part with the same bytes when all keys are in one slot after all', () => {
    const view = viewOf(['MSET', '{a}1', 'x'.repeat(300), '{a}2', ''])
    const parts = split(specOf('mset'), view)
    assert.ok(typeof parts !== 'string')
    assert.equal(parts.length, 1)
    assert.deepEqual(bytesOf(parts[0]!), view.buffer.subarray(view.start, view.end))
  })

  it('is refused as the server does when a key of MSET has no value', () => {
    const answer = split(specOf('mset'), viewOf(['MSET', 'a', '1', 'b']))
    assert.equal(answer, "ERR wrong number of arguments for 'mset' command")
  })

  it('is refused when what is repeated would be much more than the request', () => {
    const spec = moduleSpec(['readonly'], [1, -2, 1], MULTI_SHARD)
    const keys = Array.from({ length: 100 }, (_, i) => `key${i}`)
    const answer = split(spec, viewOf(['module.cmd', ...keys, Buffer.alloc(1024 * 1024)]))
    assert.match(String(answer), /^ERR 'module\.cmd' would repeat more than 64 MiB/)
  })

  it('of 100,000 keys is split in the time that the bytes take', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `key:${i}`)
    const view = viewOf(['MGET', ...keys])
    const started = process.cpuUsage()
    const parts = split(specOf('mget'), view)
    const { user, system } = process.cpuUsage(started)
    assert.ok(typeof parts !== 'string')
    assert.equal(
      parts.reduce((sum, part) => sum + part.keys.length, 0),
      keys.length
    )
    assert.ok(user + system < 3e6, `${user + system} microseconds`)
  })
})

const key = fc.oneof(
  fc
    .constantFrom('a', 'b', 'c', '{a}x', '{b}\r\n', '', '{}', 'foo{}{bar}')
    .map((k) => Buffer.from(k)),
  fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes))
)

describe('the parts of any request', () => {
  it('hold every key with its values once, in the slot of the key and in the order of the request', () => {
    const request = fc.record({
      step: fc.constantFrom(1, 2, 3),
      head: fc.array(key, { maxLength: 2 }),
      keys: fc.array(key, { minLength: 1, maxLength: 30 }),
      tail: fc.array(key, { maxLength: 2 }),
    })
    fc.assert(
      fc.property(request, ({ step, head, keys, tail }) => {
        // Such a range ends with the last key, so that its values are within what is counted from the end.
        const range = [head.length + 1, -tail.length - step, step] as const
        const spec = moduleSpec(['readonly'], range, MULTI_SHARD)
        const rows = keys.map((name, i) => [name, ...Array(step - 1).fill(Buffer.from(`v${i}`))])
        const parts = split(spec, viewOf(['module.cmd', ...head, ...rows.flat(), ...tail]))
        assert.ok(typeof parts !== 'string')
        assert.equal(new Set(parts.map(({ slot }) => slot)).size, parts.length)
        assert.deepEqual(
          parts.flatMap((part) => part.keys).sort((a, b) => a - b),
          keys.map((_, i) => i)
        )
        assert.deepEqual(
          parts.map((part) => part.keys[0]),
          firstOfEachSlot(keys)
        )
        for (const part of parts) {
          const own = part.keys.flatMap((i) => rows[i]!)
          assert.deepEqual(wordsOf(part), [Buffer.from('module.cmd'), ...head, ...own, ...tail])
          assert.deepEqual(
            part.keys,
            [...part.keys].sort((a, b) => a - b)
          )
          for (const i of part.keys) assert.equal(slotOf(keys[i]!), part.slot)
        }
      })
    )
  })
})

function firstOfEachSlot(keys: readonly Buffer[]): number[] {
  const slots = keys.map(slotOf)
  return slots.flatMap((slot, i) => (slots.indexOf(slot) === i ? [i] : []))
}

describe('a command is split', () => {
  it('when it is MGET, MSET, DEL, UNLINK, EXISTS or TOUCH, and no other of Redis 7', () => {
    const names = [...builtIn.all()].filter(isSplittable).map(({ name }) => name)
    assert.deepEqual(names.sort(), ['del', 'exists', 'mget', 'mset', 'touch', 'unlink'])
  })

  const range = (limit: number): unknown =>
    [
      ['flags', ['RO'], 'begin_search', ['type', 'index', 'spec', ['index', 1]]],
      ['find_keys', ['type', 'range', 'spec', ['lastkey', -1, 'keystep', 1, 'limit', limit]]],
    ].flat()
  const counted = [
    ['flags', ['RO'], 'begin_search', ['type', 'index', 'spec', ['index', 1]]],
    ['find_keys', ['type', 'keynum', 'spec', ['keynumidx', 0, 'firstkey', 1, 'keystep', 2]]],
  ].flat()

  it('when a module declares it and its keys stand in one row', () => {
    assert.ok(isSplittable(moduleSpec(['readonly'], [1, -1, 1], MULTI_SHARD, [range(0)])))
    const searched = moduleSpec(['readonly', 'movablekeys'], [0, 0, 0], MULTI_SHARD, [range(0)])
    assert.ok(isSplittable(searched))
    assert.equal(partsOf(searched, ['module.cmd', 'a', 'b']).length, 2)
  })

  it('never when keys are counted by an argument, are half of the rest, or stand in two places', () => {
    const flags = ['readonly', 'movablekeys']
    assert.ok(!isSplittable(moduleSpec(flags, [0, 0, 0], MULTI_SHARD, [counted])))
    assert.ok(!isSplittable(moduleSpec(flags, [0, 0, 0], MULTI_SHARD, [range(2)])))
    assert.ok(
      !isSplittable(moduleSpec(['readonly'], [1, -1, 1], MULTI_SHARD, [range(0), range(0)]))
    )
    assert.ok(!isSplittable(moduleSpec(['readonly'], [1, 1, 1], MULTI_SHARD)))
  })

  it('never when one key decides about all, or the replies make no one reply', () => {
    const tips = (response: string): string[] => [...MULTI_SHARD, `response_policy:${response}`]
    assert.ok(!isSplittable(moduleSpec(['write'], [1, -1, 2], tips('agg_min'))))
    assert.ok(isSplittable(moduleSpec(['readonly'], [1, -1, 2], tips('agg_min'))))
    assert.ok(!isSplittable(moduleSpec(['readonly'], [1, -1, 1], tips('special'))))
  })

  it('not when its keys do not stand where they should', () => {
    const view = viewOf(['MGET', 'a', 'b', 'c'])
    const answer = splitBySlot(view, specOf('mget'), [1, 3], 2)
    assert.equal(answer, "CROSSSLOT Keys in request don't hash to the same slot")
  })
})
