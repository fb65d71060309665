import type { ReplyValue } from '../../resp/encode.ts'
import { addDecimals } from '../long-double.ts'
import { fits, float, integer } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import { bulk, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { stringValue } from './strings.ts'

const FAST_WRITE = 'write denyoom fast'

function addInteger({ args, data }: Call, amount: bigint): ReplyValue {
  const key = args[1]!
  const value = integer(data.typed(key, 'string')?.text ?? '0') + amount
  if (!fits(value)) refuse(TEXTS.overflow)
  data.set(key, stringValue(String(value)), data.expiresAt(key))
  return value
}

function decrby(call: Call): ReplyValue {
  const amount = integer(call.args[2]!)
  if (!fits(-amount)) refuse('ERR decrement would overflow')
  return addInteger(call, -amount)
}

function incrbyfloat({ args, data }: Call): ReplyValue {
  const key = args[1]!
  const before = data.typed(key, 'string')?.text ?? '0'
  const sum = float(before) + float(args[2]!)
  const text = Number.isFinite(sum) ? addDecimals(before, args[2]!) : undefined
  if (text === undefined) return refuse(TEXTS.notFinite)
  data.set(key, { ...stringValue(text), form: 'text' }, data.expiresAt(key))
  return bulk(text)
}

/** Commands that count. */
export const counters: readonly CommandRow[] = family('string', [
  row('incr', 2, FAST_WRITE, KEYS.first, (call) => addInteger(call, 1n)),
  row('decr', 2, FAST_WRITE, KEYS.first, (call) => addInteger(call, -1n)),
  row('incrby', 3, FAST_WRITE, KEYS.first, (call) => addInteger(call, integer(call.args[2]!))),
  row('decrby', 3, FAST_WRITE, KEYS.first, decrby),
  row('incrbyfloat', 3, FAST_WRITE, KEYS.first, incrbyfloat),
])
