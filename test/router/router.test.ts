import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeRequest } from '../../lib/cluster/connection.ts'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { SlotCache } from '../../lib/cluster/slot-cache.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { ProxyError } from '../../lib/errors.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Request, type RequestOwner } from '../../lib/router/request.ts'
import { Router } from '../../lib/router/router.ts'
import type { RouterParts } from '../../lib/router/routing.ts'

/** A node that only notes what it is sent. */
class SilentNode {
  readonly name: string
  readonly address: { host: string; port: number }
  status: 'unknown' | 'up' | 'down' = 'up'
  readonly sent: NodeRequest[] = []
  readonly lanes = [this.lane()]

  constructor(port: number) {
    this.address = { host: 'h', port }
    this.name = `h:${port}`
  }

  lane(): { send(request: NodeRequest): boolean; requests(): Iterable<NodeRequest>; recall(): [] } {
    return {
      send: (request) => {
        this.sent.push(request)
        return true
      },
      requests: () => this.sent,
      recall: () => [],
    }
  }
}

/** A router with two nodes; the first owns all slots. */
class Bench implements RequestOwner {
  readonly lane = 0
  gone = false
  readonly reader = undefined
  holds: RequestOwner['holds'] = undefined
  readonly nodes: readonly SilentNode[] = [new SilentNode(1), new SilentNode(2)]
  readonly replies: string[] = []
  readonly asked: string[] = []
  readonly router: Router
  #outstanding: Request[] = []

  constructor(settings: Partial<RouterParts['settings']> = {}) {
    const [first, second] = this.nodes as [SilentNode, SilentNode]
    const cache = new SlotCache()
    const nodes = this.nodes.map(({ name }, i) => ({
      id: name,
      address: name,
      announced: name,
      role: 'master' as const,
      masterId: undefined,
      slots: [[i * 8192, i * 8192 + 8191] as const],
      epoch: i,
      healthy: true,
    }))
    const targets = new Map(this.nodes.map((node) => [node.name, node as unknown as ClusterNode]))
    const taken = cache.apply({ nodes, targets }, 0, 'start')
    const parts = {
      settings: { maxRedirects: 3, retryBudget: 1000, autoRedirect: true, ...settings },
      clock: { now: 1 },
      cache,
      refresher: {
        request: (reason: string) => this.asked.push(reason),
        target: (_host: string, port: number) => (port === 1 ? first : second),
      },
      events: { wants: () => false, emit: () => {} },
    }
    this.router = new Router(parts as unknown as RouterParts)
    this.router.onMoves(taken!.moves)
  }

  request(...words: string[]): Request {
    const view = frameRequest(words)
    const request = new Request(
      view,
      Catalogue.builtIn().find(view),
      words.length === 1 ? -1 : 100,
      this,
      this.router
    )
    request.sequence = this.#outstanding.length
    this.#outstanding.push(request)
    this.router.dispatch(request)
    return request
  }

  deliver(request: Request, buffer: Buffer, start: number, end: number): void {
    this.#outstanding = this.#outstanding.filter((each) => each !== request)
    this.replies.push(buffer.toString('latin1', start, end))
  }

  outstanding(): Iterable<Request> {
    return this.#outstanding
  }

  onPartAnswered(): void {}

  onCongested(): void {}
}

/** A node answers. */
function reply(request: NodeRequest, text: string): void {
  const bytes = Buffer.from(text)
  request.onReply(bytes, 0, bytes.length)
}

describe('a router', () => {
  it('sends a request to the owner of its slot, and its reply to its owner', () => {
    const bench = new Bench()
    const request = bench.request('GET', 'k')
    assert.deepEqual(bench.nodes[0]!.sent, [request])
    reply(request, '$1\r\nx\r\n')
    assert.deepEqual(bench.replies, ['$1\r\nx\r\n'])
  })

  it('follows MOVED for good and ASK for once', () => {
    const bench = new Bench()
    const asked = bench.request('GET', 'k')
    reply(asked, '-ASK 100 h:2\r\n')
    assert.deepEqual([asked.asking, bench.nodes[1]!.sent.length], [true, 1])
    reply(asked, '$-1\r\n')
    const moved = bench.request('GET', 'k')
    assert.deepEqual([moved.asking, bench.nodes[0]!.sent.length], [false, 2])
    reply(moved, '-MOVED 100 h:2\r\n')
    assert.equal(bench.nodes[1]!.sent.length, 2)
    bench.request('GET', 'k')
    assert.deepEqual(
      bench.nodes.map(({ sent }) => sent.length),
      [2, 2]
    )
    reply(moved, '$-1\r\n')
    assert.deepEqual(
      bench.nodes.map(({ sent }) => sent.length),
      [2, 3]
    )
    assert.deepEqual([bench.router.redirects.count, bench.asked], [2, ['redirect']])
  })

  it('passes the redirects on when it is not to follow them', () => {
    const bench = new Bench({ autoRedirect: false })
    reply(bench.request('GET', 'k'), '-MOVED 100 h:2\r\n')
    reply(bench.request('GET', 'k'), '-ASK 100 h:1\r\n')
    assert.deepEqual(bench.replies, ['-MOVED 100 h:2\r\n', '-ASK 100 h:1\r\n'])
  })

  it('sends what was not written again, and reads too that were', () => {
    const bench = new Bench()
    const lost = new ProxyError('NODE_LOST', 'gone')
    const [first] = bench.nodes as [SilentNode]
    const write = bench.request('INCR', 'k')
    write.onLost(lost, false)
    assert.equal(first.sent.length, 2)
    write.onLost(lost, true)
    assert.deepEqual(bench.replies, [
      '-UNCERTAIN the command may have been executed or not: gone\r\n',
    ])
    const read = bench.request('GET', 'k')
    read.onLost(lost, true)
    assert.equal(first.sent.length, 4)
  })

  it('says that the proxy is shutting down for what was not written when it closed', () => {
    const bench = new Bench()
    bench.request('INCR', 'k').onLost(new ProxyError('CLOSED', 'closed'), false)
    assert.match(bench.replies[0]!, /^-ERR the proxy is shutting down/)
  })

  it('sends no more for an owner that is gone', () => {
    const bench = new Bench()
    const request = bench.request('GET', 'k')
    bench.gone = true
    request.onLost(new ProxyError('NODE_LOST', 'gone'), false)
    assert.deepEqual([bench.nodes[0]!.sent.length, bench.replies], [1, []])
  })

  it('gives requests without keys to one master after the other, but to none that is down', () => {
    const bench = new Bench()
    const [first, second] = bench.nodes as [SilentNode, SilentNode]
    for (let i = 0; i < 4; i++) bench.request('TIME')
    assert.deepEqual([first.sent.length, second.sent.length], [2, 2])
    second.status = 'down'
    for (let i = 0; i < 4; i++) bench.request('TIME')
    assert.deepEqual([first.sent.length, second.sent.length], [6, 2])
    first.status = 'down'
    bench.request('TIME')
    assert.equal(first.sent.length + second.sent.length, 9)
  })
})
