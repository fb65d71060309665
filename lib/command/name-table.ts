import type { CommandSpec } from './spec.ts'

/** Names of commands are shorter; a longer word is none. */
const LONGEST_NAME = 128

/** What a {@link NameTable} finds: a command, and its subcommands by name. */
export interface NamedCommand {
  readonly name: string
  readonly spec: CommandSpec
  readonly subcommands: NameTable | undefined
}

/**
 * Commands by the bytes of their name without regard to case: open addressing, at most a quarter full, so that most
 * lookups compare one name.
 */
export class NameTable {
  readonly #rows: (NamedCommand | undefined)[]
  readonly #mask: number

  constructor(specs: ReadonlyMap<string, CommandSpec>) {
    let size = 8
    while (size < specs.size * 4) size *= 2
    this.#mask = size - 1
    this.#rows = new Array(size).fill(undefined)
    for (const [name, spec] of specs) {
      const bytes = Buffer.from(name)
      let at = hashOf(bytes, 0, bytes.length) & this.#mask
      while (this.#rows[at] !== undefined) at = (at + 1) & this.#mask
      const subcommands =
        spec.subcommands === undefined ? undefined : new NameTable(spec.subcommands)
      this.#rows[at] = { name, spec, subcommands }
    }
  }

  /** The command whose name is `buffer[start..end)`. */
  find(buffer: Uint8Array, start: number, end: number): NamedCommand | undefined {
    if (end - start > LONGEST_NAME) return undefined
    const rows = this.#rows
    const mask = this.#mask
    let at = hashOf(buffer, start, end) & mask
    for (;;) {
      const row = rows[at]
      if (row === undefined || isName(row.name, buffer, start, end)) return row
      at = (at + 1) & mask
    }
  }
}

/** Folds case by one bit, which also equates a few other bytes: harmless, as names are compared afterwards. */
function hashOf(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (buffer[i]! | 32)) | 0
  return hash ^ (hash >>> 11)
}

function isName(name: string, buffer: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let i = 0; i < name.length; i++) {
    const byte = buffer[start + i]!
    const folded = byte >= 65 && byte <= 90 ? byte | 32 : byte
    if (folded !== name.charCodeAt(i)) return false
  }
  return true
}
