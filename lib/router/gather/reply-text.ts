import { RawReply } from '../../resp/encode.ts'

/** Characters that are gathered before they are turned into bytes. */
const CHUNK = 65_536

/**
 * A reply in the making, of texts with one character per byte (latin1); far cheaper than a value
 * for each item.
 */
export class ReplyText {
  readonly #chunks: Buffer[] = []
  #texts: string[] = []
  #pending = 0

  /** Adds bytes as they are. */
  add(text: string): void {
    this.#texts.push(text)
    this.#pending += text.length
    if (this.#pending >= CHUNK) this.#flush()
  }

  /** Adds a bulk string. */
  bulk(text: string): void {
    this.add(`$${text.length}\r\n${text}\r\n`)
  }

  /** The reply, ready to be sent. */
  end(): RawReply {
    this.#flush()
    return new RawReply(Buffer.concat(this.#chunks))
  }

  #flush(): void {
    this.#chunks.push(Buffer.from(this.#texts.join(''), 'latin1'))
    this.#texts = []
    this.#pending = 0
  }
}
