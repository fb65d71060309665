import { beginOf, findKeys, keysFrom } from './keys.ts'
import { type CommandSpec, type KeySpec, ONE_KEY } from './spec.ts'
import { isWord } from './words.ts'

type View = Parameters<typeof findKeys>[1]

/** {@link keyAccess}: the command looks at what the key holds. */
export const READS = 1
/** {@link keyAccess}: the command changes or deletes what the key holds. */
export const WRITES = 2

const scratch: number[] = []

/** What a command does with its one key, whatever the other arguments are; undefined where {@link keyAccess} must look at them. */
export function fixedAccess(spec: CommandSpec): number | undefined {
  const [first, ...more] = spec.keySpecs
  if (spec.keyShape !== ONE_KEY || first === undefined || more.length > 0) return undefined
  return first.flags.some((flag) => flag === 'variable_flags' || flag === 'not_key')
    ? undefined
    : bitsOf(first, spec)
}

/**
 * Writes the indexes of the keys of a request into `positions` and what is done with each into `access`: {@link READS},
 * {@link WRITES}, both, or 0 for commands that only tell about the key (EXISTS, TYPE). Returns how many keys there are. What servers before 7.0 do
 * not tell is taken for reading and writing. Channels are no keys here.
 */
export function keyAccess(
  spec: CommandSpec,
  view: View,
  positions: number[],
  access: number[]
): number {
  const count = Math.max(0, findKeys(spec, view, positions))
  const specs = spec.keySpecs
  const [first] = specs
  if (first !== undefined && specs.every(({ flags }) => flags.includes('not_key'))) return 0
  if (first === undefined || specs.length === 1) {
    const bits = first === undefined ? unknownBits(spec) : bitsOf(first, spec, view)
    for (let i = 0; i < count; i++) access[i] = bits
    return count
  }
  const told = toldBits(spec, view)
  for (let i = 0; i < count; i++) access[i] = told.get(positions[i]!) ?? beyondBits(spec)
  return count
}

/** What each key specification says of the keys that it leads to. */
function toldBits(spec: CommandSpec, view: View): ReadonlyMap<number, number> {
  const told = new Map<number, number>()
  for (const keySpec of spec.keySpecs) {
    const { findKeys: find, flags } = keySpec
    const begin = beginOf(keySpec, view)
    if (begin <= 0 || find.type === 'unknown' || flags.includes('not_key')) continue
    const count = keysFrom(begin, find, view, scratch, 0, true)
    const bits = bitsOf(keySpec, spec, view)
    for (let i = 0; i < count; i++) told.set(scratch[i]!, bits | (told.get(scratch[i]!) ?? 0))
  }
  return told
}

/** What a finder found beyond the specifications: of SORT and GEORADIUS the destination, which an option names. */
function beyondBits({ name }: CommandSpec): number {
  return /^(?:sort|georadius)/.test(name) ? WRITES : READS | WRITES
}

function unknownBits({ readonly }: CommandSpec): number {
  return readonly ? READS : READS | WRITES
}

function bitsOf({ flags }: KeySpec, { name }: CommandSpec, view?: View): number {
  let bits = 0
  for (const flag of flags) {
    if (flag === 'access') bits |= READS
    else if (flag === 'insert' || flag === 'delete' || flag === 'update') bits |= WRITES
    else if (flag === 'variable_flags' && view !== undefined) return variableBits(name, view)
  }
  return bits
}

/** SET reads with GET only, and BITFIELD that only gets does not write. */
function variableBits(name: string, view: View): number {
  if (name === 'set') {
    for (let i = 3; i < view.argc; i++) if (isWord(view, i, 'get')) return READS | WRITES
    return WRITES
  }
  if (name !== 'bitfield') return READS | WRITES
  for (let i = 2; i < view.argc; i++) {
    if (isWord(view, i, 'set') || isWord(view, i, 'incrby')) return READS | WRITES
  }
  return READS
}
