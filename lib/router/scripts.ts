import { createHash } from 'node:crypto'
import { Errand } from '../cluster/errand.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { content, FrameItems } from '../resp/frame.ts'
import { argument, frameRequest, type RequestView } from '../resp/request-reader.ts'
import type { Request } from './request.ts'

/** How often one request may find that a node lacks its script. */
const MOST_HEALS = 4

/** Has scripts loaded before a transaction needs them. */
export interface ScriptLoader {
  /** Sees to it that a node has a script, if it is known; calls `done` in any case, later. */
  provide(node: ClusterNode, sha: string, lane: number, done: () => void): void
}

interface Script {
  readonly body: Buffer
  /** How many times all had been about to be flushed when it was sent last. */
  flushes: number
}

/** Scripts that clients have sent, by the SHA1 by which EVALSHA names them; the least used give way to new ones. */
export class Scripts implements ScriptLoader {
  readonly #limit: number
  readonly #known: Map<string, Script> = new Map()
  #bytes = 0
  /** How many times all were about to be flushed. */
  #flushes = 0

  /** `limit`: how many bytes of scripts are remembered. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes of scripts that are remembered. */
  get bytes(): number {
    return this.#bytes
  }

  /** Looks at a command: remembers the script that it brings. */
  note(name: string, view: RequestView): void {
    if (name === 'eval' || name === 'eval_ro') this.remember(argument(view, 1))
    else if (name === 'script|load') this.remember(argument(view, 2))
  }

  /** Remembers the body of a script, which is copied. */
  remember(body: Buffer): void {
    if (body.length > this.#limit) return
    const sha = createHash('sha1').update(body).digest('hex')
    if (this.find(sha) !== undefined) {
      this.#known.get(sha)!.flushes = this.#flushes
      return
    }
    this.#known.set(sha, { body: Buffer.from(body), flushes: this.#flushes })
    this.#bytes += body.length
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= this.#limit) return
      this.#drop(oldest)
    }
  }

  #drop(sha: string): void {
    this.#bytes -= this.#known.get(sha)!.body.length
    this.#known.delete(sha)
  }

  /** The body of a script. */
  find(sha: string): Buffer | undefined {
    const script = this.#known.get(sha)
    if (script === undefined) return undefined
    this.#known.delete(sha)
    this.#known.set(sha, script)
    return script.body
  }

  provide(node: ClusterNode, sha: string, lane: number, done: () => void): void {
    const body = this.find(sha)
    if (body === undefined) setImmediate(done)
    else loadScript(node, lane, body, done)
  }

  /** The nodes are about to be told to forget all (SCRIPT FLUSH). The mark is for {@link forget}, if they do. */
  flushing(): number {
    return this.#flushes++
  }

  /** Forgets what was sent before a mark was given, and not since. */
  forget(mark: number): void {
    for (const [sha, { flushes }] of [...this.#known]) if (flushes <= mark) this.#drop(sha)
  }

  /** The script that a node lacked for a request; undefined if it is not known, or the node does not learn it. */
  missing(request: Request): Buffer | undefined {
    const isSha = request.spec?.name === 'evalsha' || request.spec?.name === 'evalsha_ro'
    if (!isSha || (request.detour?.heals ?? 0) >= MOST_HEALS) return undefined
    request.makeDetour().heals++
    return this.of(request.bytes.subarray(request.start, request.end))
  }

  /** The script that a request for EVALSHA or EVALSHA_RO names. */
  of(request: Buffer): Buffer | undefined {
    const items = new FrameItems(request)
    if (!items.next() || !items.next()) return undefined
    return this.find(content(request, items.start).toString('latin1').toLowerCase())
  }
}

/** Has a node load a script; what is sent on the same lane afterwards finds it there. */
export function loadScript(
  node: ClusterNode,
  lane: number,
  body: Buffer,
  done: () => void = () => {}
): void {
  const { buffer } = frameRequest(['SCRIPT', 'LOAD', body])
  node.lane(lane).send(new LoadErrand(buffer, done))
}

/** Tells that it is over also when the connection is lost: the transaction will find out. */
class LoadErrand extends Errand {
  readonly #done: () => void

  constructor(bytes: Buffer, done: () => void) {
    super(bytes, done)
    this.#done = done
  }

  override onLost(): void {
    this.#done()
  }
}
