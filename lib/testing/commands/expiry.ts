import type { ReplyValue } from '../../resp/encode.ts'
import type { Keyspace } from '../keyspace.ts'
import { fits, integer } from '../numbers.ts'
import { refuse } from '../refusal.ts'
import { type Call, type CommandRow, family, KEYS, row } from './call.ts'

const UNITS: Readonly<Record<string, { readonly scale: bigint; readonly absolute: boolean }>> = {
  ex: { scale: 1000n, absolute: false },
  px: { scale: 1n, absolute: false },
  exat: { scale: 1000n, absolute: true },
  pxat: { scale: 1n, absolute: true },
}

/** The moment, in milliseconds since the epoch, that `EX 10` and its kin mean; answers with an error below `least`. */
export function parseExpiry(command: string, unit: string, amount: string, least = 1n): number {
  const { scale, absolute } = UNITS[unit]!
  const given = integer(amount)
  const at = given * scale + (absolute ? 0n : BigInt(Date.now()))
  if (given < least || !fits(given * scale) || !fits(at))
    refuse(`ERR invalid expire time in '${command}' command`)
  return Number(at)
}

/** Sets the end of a key; a moment that has passed deletes it. */
export function expiryOf(data: Keyspace, key: string, at: number): void {
  if (at <= Date.now()) data.delete(key)
  else data.expire(key, at)
}

interface Conditions {
  nx: boolean
  xx: boolean
  gt: boolean
  lt: boolean
}

function conditionsOf(words: readonly string[]): Conditions {
  const found: Conditions = { nx: false, xx: false, gt: false, lt: false }
  for (const word of words) {
    const name = word.toLowerCase()
    if (!(name in found)) refuse(`ERR Unsupported option ${word}`)
    found[name as keyof Conditions] = true
  }
  if (found.nx && (found.xx || found.gt || found.lt)) {
    refuse('ERR NX and XX, GT or LT options at the same time are not compatible')
  }
  if (found.gt && found.lt) refuse('ERR GT and LT options at the same time are not compatible')
  return found
}

const LEAST = -(2n ** 63n)

function expire(unit: string) {
  return ({ args, data }: Call): ReplyValue => {
    const [name, key] = args as [string, string]
    const conditions = conditionsOf(args.slice(3))
    const at = parseExpiry(name.toLowerCase(), unit, args[2]!, LEAST)
    if (!data.has(key)) return 0
    const before = data.expiresAt(key)
    if (conditions.nx && before !== undefined) return 0
    if (conditions.xx && before === undefined) return 0
    if (conditions.gt && (before === undefined || at <= before)) return 0
    if (conditions.lt && before !== undefined && at >= before) return 0
    expiryOf(data, key, at)
    return 1
  }
}

function remaining(answer: (at: number) => number) {
  return ({ args, data }: Call): ReplyValue => {
    if (!data.has(args[1]!)) return -2
    const at = data.expiresAt(args[1]!)
    return at === undefined ? -1 : answer(at)
  }
}

function persist({ args, data }: Call): ReplyValue {
  if (data.expiresAt(args[1]!) === undefined) return 0
  data.expire(args[1]!, undefined)
  return 1
}

const NOW = { tips: ['nondeterministic_output'] }
const SINCE = { since: '7.0.0' }

/** Commands on the time to live. */
export const expiry: readonly CommandRow[] = family('keyspace', [
  row('expire', -3, 'write fast', KEYS.first, expire('ex')),
  row('pexpire', -3, 'write fast', KEYS.first, expire('px')),
  row('expireat', -3, 'write fast', KEYS.first, expire('exat')),
  row('pexpireat', -3, 'write fast', KEYS.first, expire('pxat')),
  row(
    'ttl',
    2,
    'readonly fast',
    KEYS.first,
    remaining((at) => Math.floor((at - Date.now() + 500) / 1000)),
    NOW
  ),
  row(
    'pttl',
    2,
    'readonly fast',
    KEYS.first,
    remaining((at) => at - Date.now()),
    NOW
  ),
  row(
    'expiretime',
    2,
    'readonly fast',
    KEYS.first,
    remaining((at) => Math.floor((at + 500) / 1000)),
    SINCE
  ),
  row(
    'pexpiretime',
    2,
    'readonly fast',
    KEYS.first,
    remaining((at) => at),
    SINCE
  ),
  row('persist', 2, 'write fast', KEYS.first, persist),
])
