import type { RequestView } from '../resp/request-reader.ts'
import { finders } from './finders.ts'
import { NameTable } from './name-table.ts'
import { parseTable } from './notation.ts'
import { type CommandRow, rowFromReply } from './row.ts'
import { type CommandSpec, KEY_RANGE, KEY_SEARCH, type KeyShape, NO_KEYS, ONE_KEY } from './spec.ts'
import { TABLE, TABLE_VERSION } from './table.ts'
import { treatmentOf } from './treatment.ts'

/** The commands that the proxy knows: the built-in table, or that with what a cluster's COMMAND says laid over it. */
export class Catalogue {
  static #builtIn: Catalogue | undefined

  /** Version of the server whose commands these are, such as `7.0.15`. */
  readonly version: string
  readonly #rows: ReadonlyMap<string, CommandRow>
  readonly #specs: ReadonlyMap<string, CommandSpec>
  readonly #table: NameTable

  private constructor(rows: ReadonlyMap<string, CommandRow>, version: string) {
    this.version = version
    this.#rows = rows
    this.#specs = new Map(Array.from(rows, ([name, row]) => [name, specOf(row)]))
    this.#table = new NameTable(this.#specs)
  }

  /** The catalogue of the built-in table, which is made once. */
  static builtIn(): Catalogue {
    Catalogue.#builtIn ??= new Catalogue(
      new Map(parseTable(TABLE).map((row) => [row.name, row])),
      TABLE_VERSION
    )
    return Catalogue.#builtIn
  }

  /**
   * A new catalogue in which the rows of a reply to COMMAND, decoded from RESP2, add to the built-in table and replace
   * what they name there. Rows that are malformed are passed over, and fields that they lack (servers before 7.0) come from
   * the built-in table. `serverVersion` is kept as {@link Catalogue.version}.
   */
  overlaid(commandReply: unknown, serverVersion: string = this.version): Catalogue {
    const known = Catalogue.builtIn().#rows
    const rows = new Map(known)
    for (const item of Array.isArray(commandReply) ? commandReply : []) {
      const name = rowFromReply(item)?.name
      const row = rowFromReply(item, name === undefined ? undefined : known.get(name))
      if (row !== undefined) rows.set(row.name, row)
    }
    return new Catalogue(rows, serverVersion)
  }

  /**
   * The command of a request, or its subcommand where the second argument names one; the container itself where that is
   * missing or unknown. Undefined for an unknown command.
   */
  find(view: RequestView): CommandSpec | undefined {
    const { buffer, offsets } = view
    const command = this.#table.find(buffer, offsets[0]!, offsets[1]!)
    if (command === undefined) return undefined
    if (command.subcommands === undefined || view.argc < 2) return command.spec
    const subcommand = command.subcommands.find(buffer, offsets[2]!, offsets[3]!)
    return subcommand === undefined ? command.spec : subcommand.spec
  }

  /** By name in any case; `container|subcommand` for a subcommand. */
  get(name: string): CommandSpec | undefined {
    const [command = '', ...rest] = name.toLowerCase().split('|')
    const spec = this.#specs.get(command)
    return rest.length === 0 ? spec : spec?.subcommands?.get(rest.join('|'))
  }

  /** All commands, without subcommands. */
  all(): IterableIterator<CommandSpec> {
    return this.#specs.values()
  }

  /** How many commands there are, without subcommands. */
  get size(): number {
    return this.#specs.size
  }
}

function specOf(row: CommandRow): CommandSpec {
  const flags = new Set(row.flags)
  const categories = new Set(row.categories)
  const facts = {
    name: row.name,
    arity: row.arity,
    flags,
    categories,
    firstKey: row.firstKey,
    lastKey: row.lastKey,
    step: row.step,
    tips: row.tips,
    requestPolicy: policyOf(row, 'request_policy:'),
    responsePolicy: policyOf(row, 'response_policy:'),
    keySpecs: row.keySpecs,
    subcommands: subcommandsOf(row),
    readonly: flags.has('readonly'),
    write: flags.has('write'),
    blocking: isBlocking(row),
    noscript: flags.has('noscript'),
    movableKeys: flags.has('movablekeys'),
    pubsub: flags.has('pubsub'),
    admin: flags.has('admin'),
    container: row.subcommands.length > 0,
    keyShape: keyShapeOf(row),
    finder: finders.get(row.name),
  }
  return { ...facts, treatment: treatmentOf(facts) }
}

function subcommandsOf(row: CommandRow): ReadonlyMap<string, CommandSpec> | undefined {
  if (row.subcommands.length === 0) return undefined
  return new Map(
    row.subcommands.map((sub) => [sub.name.slice(sub.name.indexOf('|') + 1), specOf(sub)])
  )
}

function policyOf(row: CommandRow, prefix: string): string | undefined {
  return row.tips.find((tip) => tip.startsWith(prefix))?.slice(prefix.length)
}

/** WAIT got its flag in 7.2; before 7.0 only the category told. */
function isBlocking({ name, flags, categories }: CommandRow): boolean {
  return (
    flags.includes('blocking') ||
    categories.includes('@blocking') ||
    name === 'wait' ||
    name === 'waitaof'
  )
}

/** Servers set `movablekeys` on every command whose keys first, last and step do not tell. */
function keyShapeOf({ flags, firstKey, lastKey, step }: CommandRow): KeyShape {
  if (flags.includes('movablekeys')) return KEY_SEARCH
  if (firstKey < 1) return NO_KEYS
  if (firstKey === lastKey) return ONE_KEY
  return step < 1 ? KEY_SEARCH : KEY_RANGE
}
