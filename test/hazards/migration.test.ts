import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FakeCluster, FakeNode } from '../../lib/testing/index.ts'
import { Dice } from '../support/dice.ts'
import { type Stage, setStage } from './stage.ts'

const CLIENTS = 20
const ROUNDS = 1000
const APPENDS = 9

/** Commands between two migrations of one slot: more than can be under way, divided by the masters. */
const REST = 300

/**
 * Takes slots through their migrations, one step at a time, whenever a node has received a command and not executed it yet. No slot comes back to
 * a node while commands sent to that node before are under way: what has been written cannot be called back.
 */
class Mover {
  /** Steps taken. */
  steps = 0
  readonly #cluster: FakeCluster
  readonly #dice: Dice
  readonly #slots: readonly number[]
  readonly #targets: Map<number, FakeNode> = new Map()
  /** The count of commands from which on a slot may move again. */
  readonly #restUntil: Map<number, number> = new Map()
  #commands = 0

  /** One command in `often` makes a step. */
  constructor(cluster: FakeCluster, dice: Dice, keys: readonly string[], often: number) {
    this.#cluster = cluster
    this.#dice = dice
    this.#slots = keys.map((key) => cluster.slotOf(key))
    for (const node of cluster.nodes) {
      node.on('command', () => {
        this.#commands++
        if (dice.once(often)) this.#step(dice.pick(this.#slots))
      })
    }
  }

  #step(slot: number): void {
    const target = this.#targets.get(slot)
    if (target !== undefined) this.#goOn(slot, target)
    else if ((this.#restUntil.get(slot) ?? 0) <= this.#commands) this.#begin(slot)
  }

  #begin(slot: number): void {
    this.steps++
    const { masters } = this.#cluster
    const to = masters[(masters.indexOf(this.#cluster.owner(slot)) + 1) % masters.length]!
    this.#cluster.setImporting(slot, to)
    this.#cluster.setMigrating(slot, to)
    this.#targets.set(slot, to)
    if (this.#dice.once(2)) this.#end(slot, to)
  }

  #goOn(slot: number, target: FakeNode): void {
    this.steps++
    if (this.#cluster.moveKeys(slot) === 0 || this.#dice.once(2)) this.#end(slot, target)
  }

  #end(slot: number, target: FakeNode): void {
    this.#cluster.moveKeys(slot)
    this.#cluster.setSlot(slot, target)
    this.#targets.delete(slot)
    this.#restUntil.set(slot, this.#commands + REST)
  }

  /** Ends all migrations. */
  finish(): void {
    for (const [slot, target] of this.#targets) this.#end(slot, target)
  }
}

/** Keys of one client, one per master, of slots that no other client uses. */
function keysOf(stage: Stage, owner: number): string[] {
  return stage.cluster.masters.map((node, i) => {
    for (let n = 0; ; n++) {
      const key = `client:${owner}:${i}:${n}`
      if (stage.cluster.owner(key) === node) return key
    }
  })
}

describe('order while slots move', () => {
  it('E1.2 a thousand rounds of SET and APPEND are right while slots move at any moment', async () => {
    await using stage = await setStage({
      cluster: { masters: 4 },
      options: { refreshMinInterval: 0 },
    })
    const redirects = stage.record('redirect')
    const owners = Array.from({ length: CLIENTS }, (_, i) => keysOf(stage, i))
    const mover = new Mover(stage.cluster, new Dice(1), owners.flat(), 7)
    const clients = await stage.clients(CLIENTS)
    const play = async (i: number): Promise<void> => {
      const dice = new Dice(100 + i)
      for (let round = 0; round < ROUNDS / CLIENTS; round++) {
        const keys = owners[i]!
        const expected = keys.map(() => `${round}:`)
        const commands = keys.map((key, k) => ['SET', key, expected[k]!])
        for (let n = 0; n < APPENDS; n++) {
          const k = dice.below(keys.length)
          expected[k] += `${n},`
          commands.push(['APPEND', keys[k]!, `${n},`])
        }
        commands.push(...keys.map((key) => ['GET', key]))
        const frames = await clients[i]!.pipeline(commands)
        const read = frames.slice(-keys.length).map((frame) => String(frame).split('\r\n')[1])
        assert.deepEqual(read, expected)
        for (const frame of frames) assert.notEqual(frame[0], 45, String(frame))
      }
    }
    await Promise.all(clients.map((_, i) => play(i)))
    assert.ok(mover.steps > 500, `${mover.steps} steps`)
    assert.ok(redirects.some(({ kind }) => kind === 'ask'))
    assert.ok(redirects.some(({ kind }) => kind === 'moved'))
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E3.8 what is acknowledged stands there once and in order while connections break and slots move', async () => {
    await using stage = await setStage({ cluster: { masters: 4 } })
    const owners = Array.from({ length: CLIENTS }, (_, i) => keysOf(stage, i))
    const mover = new Mover(stage.cluster, new Dice(2), owners.flat(), 20)
    const dice = new Dice(3)
    let killed = 0
    for (const node of stage.cluster.nodes) {
      node.on('command', () => {
        if (!dice.once(150)) return
        killed++
        setImmediate(() => node.connections.kill())
      })
    }
    const clients = await stage.clients(CLIENTS)
    const sure = owners.map((keys) => keys.map((): number[] => []))
    const unsure = owners.map((keys) => keys.map((): number[] => []))
    const play = async (i: number): Promise<void> => {
      const keys = owners[i]!
      let number = 0
      for (let round = 0; round < 25; round++) {
        const commands: string[][] = []
        const first = number
        for (let n = 0; n < 12; n++, number++) {
          const k = number % keys.length
          commands.push(['APPEND', keys[k]!, `${number},`])
        }
        const frames = await clients[i]!.pipeline(commands)
        for (const [n, frame] of frames.entries()) {
          const text = String(frame)
          const k = (first + n) % keys.length
          if (text[0] === ':') sure[i]![k]!.push(first + n)
          else {
            assert.match(text, /^-UNCERTAIN /)
            unsure[i]![k]!.push(first + n)
          }
        }
      }
    }
    await Promise.all(clients.map((_, i) => play(i)))
    assert.ok(killed > 10, `${killed} times connections were killed`)
    assert.ok(mover.steps > 100, `${mover.steps} steps`)
    mover.finish()
    for (const [i, keys] of owners.entries()) {
      for (const [k, key] of keys.entries()) {
        const text = String(stage.cluster.execute('GET', key) ?? '')
        const found = text.split(',').slice(0, -1).map(Number)
        assert.deepEqual(
          found,
          [...new Set(found)].sort((a, b) => a - b),
          `order of ${key}`
        )
        const maybe = new Set(unsure[i]![k]!)
        assert.deepEqual(
          found.filter((number) => !maybe.has(number)),
          sure[i]![k]!
        )
      }
    }
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E2.2 ASKING and its command are never parted while other clients use the connection', async () => {
    await using stage = await setStage()
    const [moving, fixed] = [stage.keysOf(0, 20), stage.keysOf(1, 20)]
    const target = stage.cluster.nodes[1]!
    for (const key of moving) {
      const slot = stage.cluster.slotOf(key)
      stage.cluster.setImporting(slot, target)
      stage.cluster.setMigrating(slot, target)
    }
    const clients = await stage.clients(40)
    await Promise.all(
      clients.map(async (client, i) => {
        for (let round = 0; round < 20; round++) {
          const key = i % 2 === 0 ? moving[round]! : fixed[round]!
          const frames = await client.pipeline([
            ['APPEND', key, 'x'],
            ['STRLEN', key],
          ])
          for (const frame of frames) assert.equal(frame[0], 58, String(frame))
        }
      })
    )
    assert.deepEqual(stage.cluster.violations, [])
    const log = target.received
    const asking = [...log.keys()].filter((i) => log[i]!.command[0] === 'ASKING')
    assert.equal(asking.length, 800)
    for (const i of asking) {
      const next = log.slice(i + 1).find(({ connection }) => connection === log[i]!.connection)
      assert.ok(moving.includes(next!.command[1]!), next!.command.join(' '))
    }
    for (const key of moving) stage.cluster.setSlot(stage.cluster.slotOf(key), target)
    for (const key of moving) assert.equal(stage.cluster.execute('STRLEN', key), 20)
  })
})
