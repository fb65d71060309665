import { content, FrameItems, valueStart } from '../resp/frame.ts'

/** The keys that one call of SCAN gives: of one node, and of the next ones while there is room. A value that never changes. */
export class ScanPage {
  /** How many keys the client expects, more or less (`COUNT`). */
  readonly #room: number
  /** Keys as the nodes framed them, without the heads of their arrays. */
  readonly #keys: readonly Buffer[]
  readonly #size: number

  private constructor(room: number, keys: readonly Buffer[], size: number) {
    this.#room = room
    this.#keys = keys
    this.#size = size
  }

  /** A page that is about `room` keys, before any node has answered. */
  static of(room: number): ScanPage {
    return new ScanPage(room, [], 0)
  }

  /** Whether no node has answered yet, be it that it has no keys. */
  get untouched(): boolean {
    return this.#keys.length === 0
  }

  /** Whether there are fewer keys than the client expects. */
  get hasRoom(): boolean {
    return this.#size < this.#room
  }

  /** The page with the keys of a node's reply behind its own, and the node's cursor; 0 when it has no more. */
  with(reply: Buffer): { page: ScanPage; cursor: bigint } {
    const answer = new FrameItems(reply, valueStart(reply))
    answer.next()
    const cursor = BigInt(content(reply, answer.start).toString('latin1'))
    answer.next()
    const { size, body } = new FrameItems(reply, answer.start)
    const keys = [...this.#keys, reply.subarray(body, answer.end)]
    return { page: new ScanPage(this.#room, keys, this.#size + size), cursor }
  }

  /** The reply to the client. */
  reply(cursor: string): Buffer {
    const head = `*2\r\n$${cursor.length}\r\n${cursor}\r\n*${this.#size}\r\n`
    return Buffer.concat([Buffer.from(head), ...this.#keys])
  }
}
