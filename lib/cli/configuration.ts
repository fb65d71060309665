import { ProxyError } from '../index.ts'
import type { Written } from './kinds.ts'
import { optionNamed, type ProgramOption, programOptions } from './program-options.ts'

/** One value that somebody wrote, and where. */
export interface Entry {
  readonly option: ProgramOption
  readonly written: Written
  /** Such as `--port`, `proxy.conf line 3: port` or `REDIS_CLUSTER_PROXY_PORT`. */
  readonly origin: string
}

/** Where values come from, the strongest last. */
export type Source = 'default' | 'file' | 'environment' | 'command line'

/** The value of an option, and who set it. */
export interface Configured {
  readonly value: unknown
  readonly source: Source
  /** Where it is written, as in {@link Entry}; of a list or a map, where its parts are. */
  readonly origin?: string
}

/** An error that names what was written, where, and what was expected. */
export function refused(origin: string, complaint: string): ProxyError {
  return new ProxyError('INVALID_OPTION', `${origin}: ${complaint}`)
}

/** An error about a name that no option has, with the one that may have been meant. */
export function unknownOption(origin: string, name: string): ProxyError {
  const near = nearest(name)
  const hint = near === undefined ? 'see --help and docs/options.md' : `did you mean '${near}'?`
  return refused(origin, `there is no option '${name}'; ${hint}`)
}

function nearest(name: string): string | undefined {
  const limit = Math.ceil(name.length / 3)
  const ranked = programOptions
    .map((option) => ({ name: option.name, far: distance(name.toLowerCase(), option.name) }))
    .sort((one, other) => one.far - other.far)
  return ranked[0]!.far <= limit ? ranked[0]!.name : undefined
}

/** Letters to insert, drop or change to come from one word to the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[other.length]!
}

/** What was written, as an error shows it: short, and no secret. */
function shown({ name }: ProgramOption, written: Written): string {
  if (/auth|password|credentials|tls|users/.test(name)) return 'a value'
  const text = typeof written === 'string' ? `'${written}'` : JSON.stringify(written)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** The value of one entry. */
function readValue({ option, written, origin }: Entry): unknown {
  let value: unknown
  try {
    value = option.kind.read(written)
  } catch (cause) {
    throw refused(origin, `${(cause as Error).message}`)
  }
  if (value === undefined) {
    throw refused(origin, `got ${shown(option, written)}, expected ${option.kind.expected}`)
  }
  return value
}

/** The values of one source: a later one replaces an earlier one, or adds to a list or a map. */
function valuesOf(entries: readonly Entry[], source: Source): Map<string, Configured> {
  const values = new Map<string, Configured>()
  for (const entry of entries) {
    const { option, origin } = entry
    const before = option.kind.shape === 'one' ? undefined : values.get(option.name)
    const value = readValue(entry)
    values.set(
      option.name,
      before === undefined ? { value, source, origin } : joined(before, value, entry)
    )
  }
  return values
}

/** A list or a map with what a later entry adds. */
function joined(before: Configured, value: unknown, { option, origin }: Entry): Configured {
  const first = before.origin!.split(' ... ', 1)[0]!
  return {
    ...before,
    value:
      option.kind.shape === 'map'
        ? { ...(before.value as object), ...(value as object) }
        : [...(before.value as unknown[]), ...(value as unknown[])],
    origin: first === origin ? origin : `${first} ... ${origin}`,
  }
}

/** What was given, by name and without the defaults, in a form that travels between processes. */
export type Given = ReadonlyMap<string, Configured>

const NOTHING = { file: [], environment: [], 'command line': [] }

/** What the program is to do, from all sources together. */
export class Configuration {
  readonly #values: ReadonlyMap<string, Configured>

  /** The configuration of which another process has given this. */
  static of(given: Given): Configuration {
    return new Configuration(NOTHING, given)
  }

  /** `given` over command line over environment over file over defaults. */
  constructor(
    sources: Readonly<Record<Exclude<Source, 'default'>, readonly Entry[]>>,
    given: Given = new Map()
  ) {
    const values = new Map<string, Configured>()
    for (const option of programOptions) {
      values.set(option.name, { value: option.default, source: 'default' })
    }
    for (const source of ['file', 'environment', 'command line'] as const) {
      for (const [name, configured] of valuesOf(sources[source], source)) {
        values.set(name, configured)
      }
    }
    for (const [name, configured] of given) values.set(name, configured)
    this.#values = values
  }

  /** What another process needs to make the same of it. Files are not read again there, so that all have the same of them. */
  get given(): Given {
    return new Map([...this.#values].filter(([, { source }]) => source !== 'default'))
  }

  /** This one, but for some options that are as they were before. */
  keeping(before: Configuration, options: readonly ProgramOption[]): Configuration {
    const kept = options.map(({ name }) => [name, before.find(name)] as const)
    return new Configuration(NOTHING, new Map([...this.#values, ...kept]))
  }

  /** The value of an option and who set it, by its name in the table. */
  find(name: string): Configured {
    return this.#values.get(name)!
  }

  /** Where an option is written, as errors about it begin; its name if it is not. */
  originOf(name: string): string {
    return this.find(name).origin ?? name
  }

  /** The value of an option. */
  value<Value>(name: string): Value {
    return this.find(name).value as Value
  }

  /** The path in an option, or undefined for none. */
  path(name: string): string | undefined {
    return this.value<string>(name) || undefined
  }

  /** What the library gets: its options that were given, and what the program has another default for. */
  libraryOptions(): Record<string, unknown> {
    const options: Record<string, unknown> = {}
    for (const { name, library, ownDefault } of programOptions) {
      const { value, source } = this.find(name)
      if (library === undefined || (source === 'default' && ownDefault !== true)) continue
      options[library] = value
    }
    if (this.value('disable-multiplexing') === 'always') options.multiplexing = false
    for (const name of ['tls', 'node-tls']) this.#checkPair(name)
    const password = this.path('auth')
    const username = this.path('auth-user')
    if (password !== undefined) {
      options.credentials = username === undefined ? { password } : { username, password }
    } else if (username !== undefined) {
      const origin = this.originOf('auth-user')
      throw refused(origin, 'a user alone does not do, expected auth with the password too')
    }
    return options
  }

  /** A certificate and its key belong together, and a server cannot do without; Node does not mind. */
  #checkPair(name: string): void {
    const pair = this.value<{ readonly cert?: Buffer; readonly key?: Buffer } | undefined>(name)
    if (pair === undefined) return
    const { cert, key } = pair
    const fits = (cert === undefined) === (key === undefined) && (cert ?? name !== 'tls')
    if (!fits) throw refused(this.originOf(name), 'expected certFile and keyFile, both of them')
  }

  /** Names an option, where it is written, in an error of the system about its value. */
  blame(name: string, error: unknown): never {
    const { message } = error as Error
    Object.assign(error as Error, { message: `${this.originOf(name)}: ${message}` })
    throw error
  }

  /** An error of the library about one of its options, with the place where that is written. */
  located(error: unknown): unknown {
    if (!(error instanceof ProxyError) || error.code !== 'INVALID_OPTION') return error
    const [named, library] = /^option '(\w+)'/.exec(error.message) ?? []
    const option = programOptions.find((each) => each.library === library)
    const origin = option === undefined ? undefined : this.find(option.name).origin
    if (named === undefined || origin === undefined) return error
    return new ProxyError(error.code, origin + error.message.slice(named.length), { cause: error })
  }

  /** Names of the options whose values differ. */
  differences(other: Configuration): ProgramOption[] {
    return programOptions.filter(
      ({ name }) => JSON.stringify(this.value(name)) !== JSON.stringify(other.value(name))
    )
  }
}

/** An entry by its name in any spelling. */
export function entryOf(name: string, written: Written, origin: string): Entry {
  const option = optionNamed(name)
  if (option === undefined) throw unknownOption(origin, name)
  if (option.commandLineOnly === true) {
    throw refused(origin, `'${option.name}' can only be given on the command line`)
  }
  return { option, written, origin }
}
