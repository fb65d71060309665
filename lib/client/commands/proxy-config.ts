/**
 * `PROXY CONFIG`: the options in force, under the names that they have in the configuration file.
 *
 * @module
 */

import { ProxyError } from '../../errors.ts'
import type { ProgramValue } from '../../program-hooks.ts'
import { ErrorReply, OK, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import type { CrossSlot, Settings } from '../../settings.ts'
import type { AdminServices } from './admin.ts'
import { cString } from './argument.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import { matchesGlob } from './glob.ts'
import type { LocalCall, LocalHandler } from './local.ts'
import { CONFIG_HELP } from './proxy-help.ts'
import { choose, helpLines, notHere, type ProxySubcommand } from './proxy-refusal.ts'

const INVALID = new ErrorReply('ERR Invalid config option')
const READ_ONLY = new ErrorReply('ERR This config option is read-only')
const LOG_LEVEL = 'log-level'

/** Options of the library that the official proxy has under another name than their own. */
const OFFICIAL_NAMES: Readonly<Partial<Record<keyof Settings, string>>> = {
  crossSlot: 'enable-cross-slot',
  maxClients: 'maxclients',
  keepAlive: 'tcpkeepalive',
  privatePoolSize: 'connections-pool-size',
  privatePoolMinSize: 'connections-pool-min-size',
  privatePoolSpawnEvery: 'connections-pool-spawn-every',
  privatePoolSpawnRate: 'connections-pool-spawn-rate',
}

/** Numbers that can be set while the proxy runs, and the most that each may be. */
const NUMBERS: ReadonlyMap<string, { readonly option: keyof Settings; readonly most: number }> =
  new Map([
    ['connections-pool-size', { option: 'privatePoolSize', most: 50 }],
    ['connections-pool-min-size', { option: 'privatePoolMinSize', most: 50 }],
    ['connections-pool-spawn-every', { option: 'privatePoolSpawnEvery', most: 86_400_000 }],
    ['connections-pool-spawn-rate', { option: 'privatePoolSpawnRate', most: 50 }],
  ])

/** Words for `enable-cross-slot`. */
const CROSS_SLOT: ReadonlyMap<string, CrossSlot> = new Map<string, CrossSlot>([
  ['0', false],
  ['no', false],
  ['off', false],
  ['false', false],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['true', true],
  ['gather', 'gather'],
])

/** No password, key or certificate is ever told. */
const SECRET = /password|credentials|tls|users/i

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** A setting as the official proxy tells it: switches are 0 and 1. */
function told(value: unknown): ProgramValue {
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'number' || typeof value === 'string' ? value : undefined
}

/** Every option that can be read, by name. */
function options({ settings, program }: AdminServices): ReadonlyMap<string, ProgramValue> {
  const found = new Map<string, ProgramValue>()
  for (const setting of program.settings ?? []) found.set(setting.name, setting.get())
  for (const [name, value] of Object.entries(settings)) {
    const unfit = SECRET.test(name) || (typeof value === 'object' && value !== null)
    if (unfit || typeof value === 'function' || name === 'program') continue
    found.set(OFFICIAL_NAMES[name as keyof Settings] ?? kebab(name), told(value))
  }
  if (!found.has('threads')) found.set('threads', 1)
  return found
}

function shown(value: ProgramValue): ReplyValue {
  if (value === undefined) return null
  if (typeof value === 'number') return value
  if (typeof value === 'string') return new SimpleString(value)
  return value.map((each) => new SimpleString(each))
}

/** `PROXY CONFIG GET option|pattern`: pairs of name and value; `log-level` alone is the bare word. */
function get({ args, services }: LocalCall): ReplyValue {
  const pattern = cString(args[3]!)
  const text = pattern.toString('latin1').toLowerCase()
  const all = options(services.admin)
  if (text === LOG_LEVEL && all.has(text)) return shown(all.get(text))
  const names = /[[*?]/.test(text)
    ? [...all.keys()].filter((name) => matchesGlob(pattern, name)).sort()
    : [text].filter((name) => all.has(name))
  if (names.length === 0 && !/[[*?]/.test(text)) return INVALID
  return new Map(names.map((name) => [new SimpleString(name), shown(all.get(name))]))
}

function nameOf(args: readonly Buffer[]): string {
  return cString(args[3]!).toString('latin1').toLowerCase()
}

/** An option as every thread sets it, those that start later too. */
export const configSetting: Everywhere<true> = {
  kind: 'proxy-config-set',
  share: (args, { admin }) => {
    const outcome = set(args, admin)
    return outcome instanceof ErrorReply ? outcome : true
  },
  reply: () => OK,
  lasting: nameOf,
}

/** `PROXY CONFIG SET option value`. */
function set(args: readonly Buffer[], admin: AdminServices): ReplyValue {
  const name = nameOf(args)
  const value = args[4]!.toString('latin1')
  if (name === OFFICIAL_NAMES.crossSlot) return setCrossSlot(admin, value)
  if (NUMBERS.has(name)) return setNumber(admin, name, value)
  const own = admin.program.settings?.find((setting) => setting.name === name)
  if (own?.set !== undefined) {
    const error = own.set(value)
    return error === undefined ? OK : new ErrorReply(error)
  }
  return options(admin).has(name) ? READ_ONLY : INVALID
}

function setCrossSlot(admin: AdminServices, value: string): ReplyValue {
  const crossSlot = CROSS_SLOT.get(value.toLowerCase())
  if (crossSlot === undefined) {
    const above = /^\d+$/.test(value)
    return new ErrorReply(
      above
        ? "ERR Maximum value for 'enable-cross-slot' is 1"
        : "ERR Invalid value for 'enable-cross-slot': expected 0, 1 or gather"
    )
  }
  admin.reconfigure({ crossSlot })
  return OK
}

function setNumber(admin: AdminServices, name: string, text: string): ReplyValue {
  const { option, most } = NUMBERS.get(name)!
  const invalid = `ERR Invalid value for '${name}': expected a whole number, at most ${most}`
  if (!/^\d+$/.test(text)) return new ErrorReply(invalid)
  if (Number(text) > most) return new ErrorReply(`ERR Maximum value for '${name}' is ${most}`)
  try {
    admin.reconfigure({ [option]: Number(text) })
    return OK
  } catch {
    return new ErrorReply(invalid)
  }
}

/** `PROXY CONFIG RELOAD`. */
function reload({ services: { admin } }: LocalCall): ReplyValue | Promise<ReplyValue> {
  const { program } = admin
  return program.reload === undefined ? notHere('PROXY CONFIG RELOAD') : reloaded(program.reload)
}

async function reloaded(run: NonNullable<AdminServices['program']['reload']>): Promise<ReplyValue> {
  try {
    const { changed, needsRestart } = await run()
    return new Map<ReplyValue, ReplyValue>([
      [new SimpleString('changed'), [...changed]],
      [new SimpleString('needs-restart'), [...needsRestart]],
    ])
  } catch (error) {
    const reason = error instanceof ProxyError ? error.message : String(error)
    return new ErrorReply(`ERR nothing was changed: ${reason}`)
  }
}

/** Handler of `PROXY CONFIG`. */
export const proxyConfig: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    ['get', { least: 4, most: 4, run: get }],
    ['set', { least: 5, most: 5, run: everywhere(configSetting) }],
    ['reload', { least: 3, most: 3, run: reload }],
    ['help', { least: 3, most: 3, run: () => helpLines(CONFIG_HELP) }],
  ])
)
