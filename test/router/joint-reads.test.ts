import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lane } from '../../lib/cluster/lane.ts'
import { LANES, laneOf, trackedKind } from '../../lib/cluster/lanes.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { keySlot } from '../../lib/command/slot.ts'
import { ProxyError } from '../../lib/errors.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Part } from '../../lib/router/composite.ts'
import { JointReads, requestsOf } from '../../lib/router/joint-reads.ts'
import { Request, type RequestHandler, type RequestOwner } from '../../lib/router/request.ts'
import { endOfTurn, ScriptedNetwork } from '../cluster/scripted-socket.ts'

const catalogue = Catalogue.builtIn()

/** Who sends, and notes what it is told. */
class Owner implements RequestOwner {
  readonly lane: number
  gone = false
  readonly reader = undefined
  holds: RequestOwner['holds'] = undefined
  readonly replies: string[] = []
  paused = 0

  constructor(lane: number = LANES.resp2) {
    this.lane = lane
  }

  deliver(_request: Request, buffer: Buffer, start: number, end: number): void {
    this.replies.push(buffer.toString('latin1', start, end))
  }

  onPartAnswered(): void {}

  *outstanding(): Iterable<Request> {}

  onCongested(): void {
    this.paused++
  }
}

/** A lane to a node that is not there, and what is sent over it. */
class Bench {
  readonly network: ScriptedNetwork = new ScriptedNetwork()
  readonly joint: JointReads = new JointReads()
  readonly told: string[] = []
  readonly lane: Lane
  readonly #handler: RequestHandler = {
    onErrorReply: (request, buffer, start, end) => {
      this.told.push(`${request.spec?.name}: ${buffer.toString('latin1', start, end - 2)}`)
      return true
    },
    onLost: (request, { message }, written) =>
      this.told.push(`${request.sequence}: ${message}, ${written ? 'written' : 'not written'}`),
    isOverdue: () => false,
  }

  constructor() {
    const node = { name: 'node:1', status: 'up' as const, trouble: undefined, mayDial: () => true }
    const ignore = (): void => {}
    this.lane = new Lane(
      { ...node, reached: ignore, refused: ignore, lost: ignore },
      1000,
      this.network.setup
    )
  }

  /** One whose connection is ready. */
  static async open(): Promise<Bench> {
    const bench = new Bench()
    bench.lane.dial()
    bench.network.last.open()
    await endOfTurn()
    return bench
  }

  make(owner: Owner, ...words: string[]): Request {
    const view = frameRequest(words)
    const at = words.length > 1 ? [view.offsets[2]!, view.offsets[3]!] : undefined
    const slot = at === undefined ? -1 : keySlot(view.buffer, at[0]!, at[1]!)
    return new Request(view, catalogue.find(view), slot, owner, this.#handler)
  }

  /** Sends as the router does. */
  send(request: Request): void {
    if (!this.joint.send(request, this.lane)) this.lane.send(request)
  }

  /** Sends commands of new owners, each given as words with blanks between. */
  sendAll(...commands: string[]): Owner[] {
    return commands.map((command) => {
      const owner = new Owner()
      this.send(this.make(owner, ...command.split(' ')))
      return owner
    })
  }

  /** The names and keys of what was written, from now to the end of the turn. */
  async written(): Promise<string> {
    await endOfTurn()
    const words = this.network.last.written().split('\r\n')
    return words.filter((word) => /^[A-Za-z]/.test(word)).join(' ')
  }
}

describe('reads that are to be written together', () => {
  it('become one, and its reply is that of all', async () => {
    const bench = await Bench.open()
    const owners = bench.sendAll('GET k', 'GET k', 'GET other', 'GET k')
    assert.equal(await bench.written(), 'GET k GET other')
    assert.equal(bench.joint.joined, 2)
    assert.equal(bench.lane.pending, 2)
    bench.network.last.push('$1\r\nv\r\n$-1\r\n')
    await endOfTurn()
    assert.deepEqual(
      owners.map(({ replies }) => replies),
      [['$1\r\nv\r\n'], ['$1\r\nv\r\n'], ['$-1\r\n'], ['$1\r\nv\r\n']]
    )
  })

  it('are asked again as soon as the first is written', async () => {
    const bench = await Bench.open()
    bench.sendAll('GET k')
    assert.equal(await bench.written(), 'GET k')
    bench.sendAll('GET k', 'GET k')
    assert.equal(await bench.written(), 'GET k')
  })

  it('wait each by itself while there is no connection', async () => {
    const bench = new Bench()
    bench.sendAll('GET k', 'GET k')
    assert.equal(bench.lane.waiting, 2)
  })

  for (const [what, commands, expected] of [
    ['a write to their slot', ['GET k', 'SET k v', 'GET k'], 'GET k SET k v GET k'],
    ['a write to a key of their slot', ['GET {k}1', 'DEL {k}2', 'GET {k}1'], '3'],
    ['a script', ['GET k', 'EVAL x 1 other', 'GET k'], '3'],
    ['a command without keys that may change all', ['GET k', 'FLUSHALL', 'GET k'], '3'],
    ['a command that leaves traces', ['GET k', 'PFCOUNT other', 'GET k'], '3'],
  ] as const) {
    it(`do not become one over ${what}`, async () => {
      const bench = await Bench.open()
      bench.sendAll(...commands)
      await endOfTurn()
      assert.equal(bench.lane.pending, 3, expected)
      assert.equal(bench.joint.joined, 0)
    })
  }

  it('become one over a write to another slot, and over reads', async () => {
    const bench = await Bench.open()
    bench.sendAll('GET k', 'SET other v', 'STRLEN k', 'TTL k', 'RANDOMKEY', 'GET k')
    assert.equal(bench.joint.joined, 1)
  })

  it('become as many as there are different ones, of one slot or of many', async () => {
    const bench = await Bench.open()
    const commands = ['GET {t}a', 'GET {t}b', 'STRLEN {t}a', 'GET u', 'HGET {t}h a', 'HGET {t}h b']
    bench.sendAll(...commands, ...commands)
    assert.equal(bench.lane.pending, commands.length)
    assert.equal(bench.joint.joined, commands.length)
  })

  it('become one only when they are the same to the byte', async () => {
    const bench = await Bench.open()
    bench.sendAll('GET k', 'get k', 'STRLEN k', 'GET {k}', 'MGET k', 'MGET k {k}')
    assert.equal(bench.joint.joined, 0)
  })

  for (const name of ['SRANDMEMBER k', 'HRANDFIELD k', 'TTL k', 'EVAL_RO x 1 k', 'TOUCH k']) {
    it(`go alone: ${name}`, async () => {
      const bench = await Bench.open()
      bench.sendAll(name, name)
      assert.equal(bench.joint.joined, 0)
    })
  }

  it('go alone when they are long, part of another, or not on their way for the first time', async () => {
    const bench = await Bench.open()
    const owner = new Owner()
    const usual = (): Request => bench.make(owner, 'GET', 'k')
    bench.send(usual())
    const hold = { add() {}, again() {}, settled() {} }
    const held = Object.assign(usual(), { hold })
    const [again, redirected] = [usual(), usual()]
    again.makeDetour().retries = 1
    redirected.makeDetour().redirects = 1
    const asking = Object.assign(usual(), { asking: true })
    const { bytes, slot } = usual()
    const composite = {} as ConstructorParameters<typeof Part>[3]
    const handler = {} as RequestHandler
    const part = new Part({ bytes, slot, anchor: -1 }, usual(), handler, composite)
    const long = bench.make(owner, 'GET', 'k'.repeat(600))
    const sameLong = bench.make(owner, 'GET', 'k'.repeat(600))
    for (const each of [held, again, redirected, asking, part, long, sameLong]) bench.send(each)
    assert.equal(bench.joint.joined, 0)
  })

  it('go alone when their client tracks keys or has connections of its own', async () => {
    const tracked = trackedKind({ protocol: 3, broadcast: false, noLoop: false })
    for (const [lane, joined] of [
      [tracked, 0],
      [laneOf(LANES.resp3, 0, 7), 0],
      [laneOf(LANES.resp3, 5, 0), 1],
      [LANES.resp3, 1],
    ] as const) {
      const bench = await Bench.open()
      for (let i = 0; i < 2; i++) bench.send(bench.make(new Owner(lane), 'GET', 'k'))
      assert.equal(bench.joint.joined, joined, String(lane))
    }
  })

  it('are each told an error, and each that the reply will not come', async () => {
    const bench = await Bench.open()
    bench.sendAll('GET k', 'GET k')
    await endOfTurn()
    bench.network.last.push('-TRYAGAIN\r\n')
    await endOfTurn()
    assert.deepEqual(bench.told.splice(0), ['get: -TRYAGAIN', 'get: -TRYAGAIN'])
    for (const sequence of [1, 2]) {
      bench.send(Object.assign(bench.make(new Owner(), 'GET', 'k'), { sequence }))
    }
    await endOfTurn()
    for (const sequence of [3, 4]) {
      bench.send(Object.assign(bench.make(new Owner(), 'GET', 'k'), { sequence }))
    }
    bench.lane.connection!.fail(new ProxyError('NODE_LOST', 'gone'))
    assert.deepEqual(bench.told, [
      '4: gone, not written',
      '3: gone, not written',
      '2: gone, written',
      '1: gone, written',
    ])
  })

  it('all stand for what is in flight, and keep no bytes when they are answered', async () => {
    const bench = await Bench.open()
    bench.sendAll('GET k', 'GET k', 'SET k v')
    const [read, write] = [...bench.lane.requests()]
    assert.equal(requestsOf(read!).length, 2)
    assert.deepEqual(requestsOf(write!), [write])
    await endOfTurn()
    bench.network.last.push('$1\r\nv\r\n+OK\r\n')
    await endOfTurn()
    assert.equal(read!.bytes.length, 0)
  })

  it('have the client that was first pause when the node does not read', async () => {
    const bench = await Bench.open()
    bench.network.last.stuck = true
    bench.sendAll(`GET ${'a'.repeat(480)}`, `GET ${'b'.repeat(480)}`, `GET ${'c'.repeat(480)}`)
    await endOfTurn()
    const [first, second] = bench.sendAll('GET k', 'GET k')
    assert.deepEqual([first!.paused, second!.paused], [1, 0])
  })
})
