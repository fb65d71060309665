/** What an error reply of a node asks the proxy to do. */
export type Verdict =
  | 'moved'
  | 'ask'
  | 'tryagain'
  | 'clusterdown'
  | 'loading'
  | 'masterdown'
  | 'readonly'
  | 'noauth'
  | 'noscript'
  | 'none'

/** An error reply, understood. */
export interface Redirect {
  readonly verdict: Verdict
  /** For `moved` and `ask`: the slot, 0 to 16383; else -1. */
  readonly slot: number
  /** For `moved` and `ask`: the announced host; empty when it is that of the node which answered. */
  readonly host: string
  /** For `moved` and `ask`: the announced port; else 0. */
  readonly port: number
}

const NONE: Redirect = { verdict: 'none', slot: -1, host: '', port: 0 }

/** Error codes after which the same request may succeed later; the server has executed nothing then. */
const RETRIED: Readonly<Record<string, Redirect>> = {
  TRYAGAIN: { ...NONE, verdict: 'tryagain' },
  CLUSTERDOWN: { ...NONE, verdict: 'clusterdown' },
  LOADING: { ...NONE, verdict: 'loading' },
  MASTERDOWN: { ...NONE, verdict: 'masterdown' },
  READONLY: { ...NONE, verdict: 'readonly' },
  NOAUTH: { ...NONE, verdict: 'noauth' },
  NOSCRIPT: { ...NONE, verdict: 'noscript' },
}

/** No redirect the server writes is longer: code, slot, host name of 255 bytes, port. */
const LONGEST = 320

/**
 * Reads an error reply (`-...\r\n`) that stands at top level. Only the exact forms that a server writes count: `MOVED <slot> <host>:<port>`, the
 * host split off at the last colon, empty or `?` for "unknown". Anything else is an ordinary error and none of the proxy's business.
 */
export function readRedirect(buffer: Buffer, start: number, end: number): Redirect {
  const first = buffer[start + 1]
  // M, A, T, C, L, R and N begin the codes above; nothing else is looked at closer.
  if (
    first !== 77 &&
    first !== 65 &&
    first !== 84 &&
    first !== 67 &&
    first !== 76 &&
    first !== 82 &&
    first !== 78
  )
    return NONE
  const text = buffer.toString('latin1', start + 1, Math.min(end - 2, start + LONGEST))
  const blank = text.indexOf(' ')
  const code = blank < 0 ? text : text.slice(0, blank)
  if (code !== 'MOVED' && code !== 'ASK')
    return Object.hasOwn(RETRIED, code) ? RETRIED[code]! : NONE
  if (text.length < end - 2 - start - 1) return NONE
  const match = /^(?:MOVED|ASK) (0|[1-9]\d{0,4}) ([^\s]*):([1-9]\d{0,4})$/.exec(text)
  if (match === null) return NONE
  const slot = Number(match[1])
  const port = Number(match[3])
  if (slot > 16383 || port > 65535) return NONE
  const host = match[2] === '?' ? '' : match[2]!
  return { verdict: code === 'MOVED' ? 'moved' : 'ask', slot, host, port }
}
