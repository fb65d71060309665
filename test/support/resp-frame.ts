/**
 * RESP for tests, on purpose not shared with `lib`: what checks a reader must not be that reader.
 *
 * @module
 */

/** An argument of a command; numbers are sent as their decimal text. */
export type Argument = string | number | Uint8Array

/** A reply as a test likes to compare it: maps are arrays of pairs, sets and pushes arrays, doubles numbers. */
export type Reply = string | number | bigint | boolean | null | ReplyError | Reply[]

/** An error inside of a reply; at the top of one, calls reject with it. */
export class ReplyError extends Error {
  override name = 'ReplyError'
}

/** Encodes a command as an array of bulk strings. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'object' ? arg : Buffer.from(String(arg))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** Where the reply that begins at `at` ends, or -1 while it is not whole. Throws on bytes that are no reply. */
export function frameEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at)
  if (line < 0) return -1
  const text = bytes.toString('latin1', at + 1, line)
  const next = line + 2
  switch (String.fromCharCode(bytes[at] as number)) {
    case '+':
    case '-':
    case ':':
    case '_':
    case '#':
    case ',':
    case '(':
      return next
    case '$':
    case '=':
    case '!': {
      const end = Number(text) < 0 ? next : next + Number(text) + 2
      return end <= bytes.length ? end : -1
    }
    case '*':
    case '~':
    case '>':
      return framesEnd(bytes, next, Number(text))
    case '%':
      return framesEnd(bytes, next, 2 * Number(text))
    case '|':
      // An attribute stands before the reply that it describes: both are one frame.
      return framesEnd(bytes, next, 2 * Number(text) + 1)
    default:
      throw new Error(`no reply begins with ${JSON.stringify(bytes.toString('latin1', at, next))}`)
  }
}

function framesEnd(bytes: Buffer, at: number, count: number): number {
  let end = at
  for (let item = 0; item < count && end >= 0; item++) end = frameEnd(bytes, end)
  return end
}

/** The frames of an aggregate's elements. */
export function elementsOf(frame: Buffer): Buffer[] {
  const found: Buffer[] = []
  let at = frame.indexOf('\r\n') + 2
  while (at < frame.length) {
    const end = frameEnd(frame, at)
    found.push(frame.subarray(at, end))
    at = end
  }
  return found
}

/** A frame as text; of an aggregate that has no order of its own, header and sorted items of `size` elements each. */
export function sortedText(frame: Buffer, size = 1): string {
  if (!'*~%'.includes(String.fromCharCode(frame[0]!))) return frame.toString('latin1')
  const found = elementsOf(frame)
  const items: string[] = []
  for (let i = 0; i < found.length; i += size) {
    items.push(Buffer.concat(found.slice(i, i + size)).toString('latin1'))
  }
  return frame.toString('latin1', 0, frame.indexOf('\r\n') + 2) + items.sort().join('')
}

/** A frame as text in which doubles are written as JavaScript does: servers since 7.2 do not always find the shortest text that tells a number from its neighbours. */
export function shortDoubles(frame: Buffer): string {
  return frame
    .toString('latin1')
    .replace(
      /(?:\$\d+\r\n|,)(-?\d+(?:\.\d+)?(?:e[+-]\d+)?)\r\n/g,
      (_, text) => `,${Number(text)}\r\n`
    )
}

/** Decodes one whole frame; text is read as UTF-8. */
export function decodeReply(frame: Buffer): Reply {
  return decodeAt(frame, 0).value
}

interface Decoded {
  value: Reply
  end: number
}

function decodeAt(bytes: Buffer, at: number): Decoded {
  const line = bytes.indexOf('\r\n', at)
  const text = bytes.toString('utf8', at + 1, line)
  const next = line + 2
  const type = String.fromCharCode(bytes[at] as number)
  switch (type) {
    case '$':
    case '=':
    case '!':
      return decodeBulk(bytes, type, Number(text), next)
    case '*':
    case '~':
    case '>':
      if (text === '-1') return { value: null, end: next }
      return decodeItems(bytes, next, Number(text))
    case '%': {
      const { value, end } = decodeItems(bytes, next, 2 * Number(text))
      const flat = value as Reply[]
      const pairs = flat.filter((_, i) => i % 2 === 0).map((key, i) => [key, flat[2 * i + 1]!])
      return { value: pairs, end }
    }
    case '|':
      return decodeAt(bytes, decodeItems(bytes, next, 2 * Number(text)).end)
    default:
      return { value: decodeLine(type, text), end: next }
  }
}

function decodeLine(type: string, text: string): Reply {
  switch (type) {
    case '-':
      return new ReplyError(text)
    case ':':
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)
    case '(':
      return BigInt(text)
    case ',':
      return Number(text.replace('inf', 'Infinity'))
    case '#':
      return text === 't'
    case '_':
      return null
    default:
      return text
  }
}

function decodeBulk(bytes: Buffer, type: string, length: number, at: number): Decoded {
  if (length < 0) return { value: null, end: at }
  const text = bytes.toString('utf8', type === '=' ? at + 4 : at, at + length)
  return { value: type === '!' ? new ReplyError(text) : text, end: at + length + 2 }
}

function decodeItems(bytes: Buffer, at: number, count: number): Decoded {
  const items: Reply[] = []
  let end = at
  while (items.length < count) {
    const item = decodeAt(bytes, end)
    items.push(item.value)
    end = item.end
  }
  return { value: items, end }
}
