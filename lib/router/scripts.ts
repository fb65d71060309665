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

/** Scripts that clients have sent, by the SHA1 by which EVALSHA names them; the least used give way to new ones. */
export class Scripts implements ScriptLoader {
  readonly #limit: number
  readonly #bodies: Map<string, Buffer> = new Map()
  #bytes = 0

  /** `limit`: how many bytes of scripts are remembered. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes of scripts that are remembered. */
  get bytes(): number {
    return this.#bytes
  }

  /** Looks at a command: remembers the script that it brings, or forgets all. */
  note(name: string, view: RequestView): void {
    if (name === 'eval' || name === 'eval_ro') this.remember(argument(view, 1))
    else if (name === 'script|load') this.remember(argument(view, 2))
    else if (name === 'script|flush') this.clear()
  }

  /** Remembers the body of a script, which is copied. */
  remember(body: Buffer): void {
    if (body.length > this.#limit) return
    const sha = createHash('sha1').update(body).digest('hex')
    if (this.find(sha) !== undefined) return
    this.#bodies.set(sha, Buffer.from(body))
    this.#bytes += body.length
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= this.#limit) return
      this.#bodies.delete(oldest)
      this.#bytes -= length
    }
  }

  /** The body of a script. */
  find(sha: string): Buffer | undefined {
    const body = this.#bodies.get(sha)
    if (body === undefined) return undefined
    this.#bodies.delete(sha)
    this.#bodies.set(sha, body)
    return body
  }

  provide(node: ClusterNode, sha: string, lane: number, done: () => void): void {
    const body = this.find(sha)
    if (body === undefined) setImmediate(done)
    else loadScript(node, lane, body, done)
  }

  /** Forgets all (SCRIPT FLUSH). */
  clear(): void {
    this.#bodies.clear()
    this.#bytes = 0
  }

  /** The script that a node lacked for a request; undefined if it is not known, or the node does not learn it. */
  missing(request: Request): Buffer | undefined {
    const isSha = request.spec?.name === 'evalsha' || request.spec?.name === 'evalsha_ro'
    if (!isSha || request.heals >= MOST_HEALS) return undefined
    request.heals++
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
