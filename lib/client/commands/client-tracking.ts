/**
 * CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: of which keys a client is told.
 *
 * @module
 */

import { ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import type { Tracking, TrackingMode } from '../tracking.ts'
import { integer, word } from './argument.ts'
import type { Everywhere } from './everywhere.ts'
import type { LocalCall, LocalServices } from './local.ts'
import { errorOf, NOT_INTEGER, SYNTAX } from './refusal.ts'

const ONE_REDIRECT = new ErrorReply('ERR A client can only redirect to a single other client')
const NO_TARGET = new ErrorReply('ERR The client ID you want redirect to does not exist')
const PREFIX_ALONE = new ErrorReply('ERR PREFIX option requires BCAST mode to be enabled')
const MODE_SWITCHED = new ErrorReply(
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
    're-enabling it with a different mode.'
)
const OPT_WITH_BCAST = new ErrorReply('ERR OPTIN and OPTOUT are not compatible with BCAST')
const OPT_TWICE = new ErrorReply("ERR You can't specify both OPTIN mode and OPTOUT mode")
const OPT_SWITCHED = new ErrorReply(
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " +
    're-enabling it with a different mode.'
)
const NOT_TRACKING = new ErrorReply(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or ' +
    'OPTOUT mode enabled'
)
const YES_NOT_OPTIN = new ErrorReply(
  'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.'
)
const NO_NOT_OPTOUT = new ErrorReply(
  'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.'
)

interface Options {
  redirect: number
  readonly words: Set<string>
  readonly prefixes: Buffer[]
}

const WORDS = new Set(['bcast', 'optin', 'optout', 'noloop'])

/** Reads the options up to the first error. */
function parse(args: readonly Buffer[], options: Options): ErrorReply | undefined {
  for (let at = 3; at < args.length; at++) {
    const option = word(args[at]!)
    const value = args[at + 1]
    if (option === 'redirect' && value !== undefined) {
      const error = setRedirect(options, value)
      if (error !== undefined) return error
      at++
    } else if (option === 'prefix' && value !== undefined) {
      options.prefixes.push(value)
      at++
    } else if (WORDS.has(option)) options.words.add(option)
    else return SYNTAX
  }
  return undefined
}

function setRedirect(options: Options, value: Buffer): ErrorReply | undefined {
  if (options.redirect !== 0) return ONE_REDIRECT
  const id = integer(value)
  if (id === undefined) return NOT_INTEGER
  if (id < 1n || id > BigInt(Number.MAX_SAFE_INTEGER)) return NO_TARGET
  options.redirect = Number(id)
  return undefined
}

/** Whether there is a client to be told, here or at another thread. */
function hasClient(id: number, services: LocalServices): boolean | Promise<boolean> {
  for (const { session } of services.clients()) if (session.id === id) return true
  return services.invalidations.isElsewhere(id) ?? false
}

/** What another thread asks of the clients of this one. */
export const hearing: Pick<Everywhere<boolean>, 'kind' | 'share'> = {
  kind: 'client-invalidate',
  share: (words, { invalidations }) => invalidations.onElsewhere(words),
}

/** Why the options cannot be put in force, in the order in which the server looks. */
function conflict(
  { words, prefixes }: Options,
  tracking: Tracking | undefined
): ErrorReply | undefined {
  const bcast = words.has('bcast')
  const [optin, optout] = [words.has('optin'), words.has('optout')]
  if (!bcast && prefixes.length > 0) return PREFIX_ALONE
  if (tracking !== undefined && (tracking.mode === 'bcast') !== bcast) return MODE_SWITCHED
  if (bcast && (optin || optout)) return OPT_WITH_BCAST
  if (optin && optout) return OPT_TWICE
  const mode = tracking?.mode
  if ((optin && mode === 'optout') || (optout && mode === 'optin')) return OPT_SWITCHED
  return bcast ? overlap(prefixes, tracking?.prefixes ?? []) : undefined
}

function overlap(given: readonly Buffer[], existing: readonly string[]): ErrorReply | undefined {
  const collide = (one: string, other: string): boolean =>
    one.startsWith(other) || other.startsWith(one)
  for (const [i, prefix] of given.entries()) {
    const name = prefix.toString('latin1')
    const other = existing.find((each) => collide(name, each))
    if (other !== undefined) return overlapping(prefix, 'an existing prefix', other)
    for (const later of given.slice(i + 1)) {
      const text = later.toString('latin1')
      if (collide(name, text)) return overlapping(prefix, 'another provided prefix', text)
    }
  }
  return undefined
}

function overlapping(prefix: Buffer, what: string, other: string): ErrorReply {
  return errorOf(
    "ERR Prefix '",
    prefix,
    `' overlaps with ${what} '`,
    Buffer.from(other, 'latin1'),
    "'. Prefixes for a single client must not overlap."
  )
}

function modeOf(words: ReadonlySet<string>): TrackingMode {
  if (words.has('bcast')) return 'bcast'
  if (words.has('optin')) return 'optin'
  return words.has('optout') ? 'optout' : 'default'
}

/** `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`. */
export function clientTracking(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const options: Options = { redirect: 0, words: new Set(), prefixes: [] }
  const error = parse(call.args, options)
  const known = options.redirect === 0 || hasClient(options.redirect, call.services)
  const carryOut = (exists: boolean): ReplyValue | Promise<ReplyValue> =>
    exists ? (error ?? choose(call, options)) : NO_TARGET
  return typeof known === 'boolean' ? carryOut(known) : known.then(carryOut)
}

function choose(call: LocalCall, options: Options): ReplyValue | Promise<ReplyValue> {
  const { args, session, services } = call
  const choice = word(args[2]!)
  if (choice === 'off') {
    stopTracking(call)
    return OK
  }
  if (choice !== 'on') return SYNTAX
  const error = conflict(options, session.tracking)
  if (error !== undefined) return error
  if (call.client.gone) return OK
  const tracking = session.tracking ?? services.invalidations.tracking(call.client)
  session.tracking = tracking
  enable(tracking, options)
  const begun = services.invalidations.begin(tracking)
  return begun?.then((refusal) => (refusal === undefined ? OK : undone(call, refusal))) ?? OK
}

/** What nodes do not watch is not in force. */
function undone(call: LocalCall, refusal: string): ErrorReply {
  stopTracking(call)
  return new ErrorReply(refusal)
}

function enable(tracking: Tracking, { words, redirect, prefixes }: Options): void {
  tracking.mode = modeOf(words)
  tracking.noLoop = words.has('noloop')
  tracking.redirect = redirect
  tracking.broken = false
  if (tracking.mode !== 'bcast') return
  const names = prefixes.length > 0 ? prefixes.map((prefix) => prefix.toString('latin1')) : ['']
  tracking.prefixes = [...new Set([...tracking.prefixes, ...names])].sort()
}

/** The client is told of nothing any more. */
export function stopTracking({
  session,
  services,
}: {
  session: LocalCall['session']
  services: Pick<LocalServices, 'invalidations'>
}): void {
  if (session.tracking === undefined) return
  services.invalidations.stop(session.tracking)
  session.tracking = undefined
}

/** `CLIENT CACHING YES|NO`. */
export function clientCaching({ args, session }: LocalCall): ReplyValue {
  const { tracking } = session
  if (tracking === undefined) return NOT_TRACKING
  const choice = word(args[2]!)
  if (choice !== 'yes' && choice !== 'no') return SYNTAX
  if (choice === 'yes' && tracking.mode !== 'optin') return YES_NOT_OPTIN
  if (choice === 'no' && tracking.mode !== 'optout') return NO_NOT_OPTOUT
  tracking.caching = true
  return OK
}

/** `CLIENT GETREDIR`. */
export function clientGetRedir({ session }: LocalCall): ReplyValue {
  return session.tracking?.redirect ?? -1
}

/** `CLIENT TRACKINGINFO`. */
export function clientTrackingInfo({ session }: LocalCall): ReplyValue {
  const { tracking } = session
  const prefixes = tracking?.prefixes.map((prefix) => Buffer.from(prefix, 'latin1')) ?? []
  return new Map<ReplyValue, ReplyValue>([
    ['flags', new Set(tracking === undefined ? ['off'] : flagsOf(tracking))],
    ['redirect', tracking?.redirect ?? -1],
    ['prefixes', prefixes],
  ])
}

function flagsOf({ mode, caching, noLoop, broken }: Tracking): string[] {
  const flags = ['on']
  if (mode !== 'default') flags.push(mode)
  if (caching) flags.push(mode === 'optin' ? 'caching-yes' : 'caching-no')
  if (noLoop) flags.push('noloop')
  if (broken) flags.push('broken_redirect')
  return flags
}
