/**
 * Checks what a host application sets against the table of options.
 *
 * @module
 */
import { ProxyError } from './errors.ts'
import { isRecord, type OptionSpec } from './option-checks.ts'
import { optionTable } from './options.ts'
import type { ClusterProxyOptions, Settings } from './settings.ts'

/** A value as an error message shows it: short, and never a secret. */
function shown(name: string, value: unknown): string {
  if (/password|credentials|tls|users/i.test(name)) return value === '' ? "''" : typeof value
  if (typeof value === 'function') return 'a function'
  let text: string | undefined
  try {
    text = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
  } catch {
    text = undefined
  }
  text ??= String(value)
  // A URL may hold a password.
  text = text.replace(/:\/\/.*@/, '://***@')
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {@link ProxyError} with code `INVALID_OPTION`; its message names the option, the value, and what was expected.
 */
export function readOptions(options: ClusterProxyOptions): Settings {
  if (!isRecord(options)) {
    throw new ProxyError(
      'INVALID_OPTION',
      `options: got ${shown('', options)}, expected an object with at least 'nodes'`
    )
  }
  const table: Record<string, OptionSpec<unknown>> = optionTable
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(table, name)) {
      throw new ProxyError(
        'INVALID_OPTION',
        `option '${name}' is unknown, expected one of ${Object.keys(table).join(', ')}`
      )
    }
  }
  const settings: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(table)) {
    const given = (options as unknown as Record<string, unknown>)[name]
    if (given === undefined && name !== 'nodes') {
      settings[name] = spec.default
      continue
    }
    settings[name] = checked(name, spec, given)
  }
  return consistent(settings as unknown as Settings)
}

/** What no option alone can be blamed for. */
function consistent(settings: Settings): Settings {
  if (!settings.proxyProtocol || settings.trustedProxies.length > 0) return settings
  throw new ProxyError(
    'INVALID_OPTION',
    "option 'trustedProxies': got [], expected at least one address, network or 'unix' beside 'proxyProtocol'"
  )
}

function checked(name: string, spec: OptionSpec<unknown>, given: unknown): unknown {
  const value = spec.check(given)
  if (value !== undefined) return value
  throw new ProxyError(
    'INVALID_OPTION',
    `option '${name}': got ${shown(name, given)}, expected ${spec.expected}`
  )
}

/**
 * Checks options that are to change while the proxy runs; undefined stands for the default.
 *
 * @throws {@link ProxyError} with code `INVALID_OPTION` when one is unknown, wrong, or takes effect only at the start.
 */
export function readChanges(changes: Partial<ClusterProxyOptions>): Partial<Settings> {
  const table: Record<string, OptionSpec<unknown>> = optionTable
  const settings: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(changes)) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined
    if (spec?.runtime !== true) {
      const able = Object.keys(table).filter((each) => table[each]!.runtime === true)
      const what = spec === undefined ? 'is unknown' : 'cannot change while the proxy runs'
      throw new ProxyError(
        'INVALID_OPTION',
        `option '${name}' ${what}, expected one of ${able.join(', ')}`
      )
    }
    settings[name] = given === undefined ? spec.default : checked(name, spec, given)
  }
  return settings as Partial<Settings>
}
