import { ErrorReply, OK } from '../../resp/encode.ts'
import { DEFAULT_USER } from '../access/accounts.ts'
import { cString, integer, word } from './argument.ts'
import { clientType, isOfType } from './client-list.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import type { LocalClient, LocalHandler, LocalServices } from './local.ts'
import { errorOf, SYNTAX } from './refusal.ts'

const NO_SUCH_CLIENT = new ErrorReply('ERR No such client')
const BAD_ID = new ErrorReply('ERR client-id should be greater than 0')
const AGE_NOT_INTEGER = new ErrorReply('ERR maxage is not an integer or out of range')
const BAD_AGE = new ErrorReply('ERR maxage should be greater than 0')

/** Whom `CLIENT KILL` is to end; what is undefined does not matter. */
interface Filter {
  id?: bigint
  type?: string
  addr?: string
  laddr?: string
  user?: string
  /** Least age in seconds. */
  maxAge?: bigint
  skipMe: boolean
}

/** What one option does to the filter; gives the error when its value is wrong. */
type Option = (filter: Filter, value: Buffer) => ErrorReply | undefined

const OPTIONS: ReadonlyMap<string, Option> = new Map<string, Option>([
  ['id', setId],
  ['type', setType],
  ['addr', setAddress],
  ['laddr', setLocalAddress],
  ['user', setUser],
  ['skipme', setSkipMe],
  ['maxage', setMaxAge],
])

/** In place of a count: the thread knows no such user. */
const UNKNOWN_USER = -1

/** How many clients each thread ended. */
export const killing: Everywhere<number> = {
  kind: 'client-kill',
  share: (args, services, self) => {
    const one = args.length === 3
    const filter = one ? { addr: cString(args[2]!).toString(), skipMe: false } : parse(args)
    if (filter instanceof ErrorReply) return filter
    return isKnown(services, filter.user) ? kill(services, self, filter) : UNKNOWN_USER
  },
  reply: (shares, { args }) => {
    if (shares.every(({ value }) => value === UNKNOWN_USER)) return noSuchUser(args)
    const killed = shares.reduce((sum, { value }) => sum + Math.max(0, value), 0)
    if (args.length > 3) return killed
    return killed === 0 ? NO_SUCH_CLIENT : OK
  },
}

/** `CLIENT KILL address`, or `CLIENT KILL option value [option value ...]` as of Redis 7.4. */
export const clientKill: LocalHandler = everywhere(killing)

function parse(args: readonly Buffer[]): Filter | ErrorReply {
  const filter: Filter = { skipMe: true }
  for (let at = 2; at < args.length; at += 2) {
    const option = OPTIONS.get(word(args[at]!))
    const value = args[at + 1]
    if (option === undefined || value === undefined) return SYNTAX
    const error = option(filter, value)
    if (error !== undefined) return error
  }
  return filter
}

function setId(filter: Filter, value: Buffer): ErrorReply | undefined {
  filter.id = integer(value)
  return filter.id === undefined || filter.id < 1n ? BAD_ID : undefined
}

function setType(filter: Filter, value: Buffer): ErrorReply | undefined {
  const type = clientType(value)
  if (type instanceof ErrorReply) return type
  filter.type = type
  return undefined
}

function setAddress(filter: Filter, value: Buffer): undefined {
  filter.addr = cString(value).toString()
}

function setLocalAddress(filter: Filter, value: Buffer): undefined {
  filter.laddr = cString(value).toString()
}

function setUser(filter: Filter, value: Buffer): undefined {
  filter.user = value.toString()
}

/** Users of the cluster are known while a client is one of them. */
function isKnown(services: LocalServices, user: string | undefined): boolean {
  if (user === undefined || user === DEFAULT_USER) return true
  if (services.accounts?.find(user) !== undefined) return true
  return [...services.clients()].some(({ session }) => session.user === user)
}

function noSuchUser(args: readonly Buffer[]): ErrorReply {
  const { user = '' } = parse(args) as Filter
  return errorOf("ERR No such user '", Buffer.from(user), "'")
}

function setSkipMe(filter: Filter, value: Buffer): ErrorReply | undefined {
  const choice = word(value)
  filter.skipMe = choice === 'yes'
  return choice === 'yes' || choice === 'no' ? undefined : SYNTAX
}

function setMaxAge(filter: Filter, value: Buffer): ErrorReply | undefined {
  filter.maxAge = integer(value)
  if (filter.maxAge === undefined) return AGE_NOT_INTEGER
  return filter.maxAge < 1n ? BAD_AGE : undefined
}

/** Ends the clients that match and counts them; the caller itself only after its reply. */
function kill(services: LocalServices, self: LocalClient | undefined, filter: Filter): number {
  const found = [...services.clients()].filter(
    (client) => matches(client, filter) && !(filter.skipMe && client === self)
  )
  for (const client of found) {
    if (client === self) client.closeAfterReplies()
    else client.kill()
  }
  return found.length
}

function matches(client: LocalClient, filter: Filter): boolean {
  const { session } = client
  const age = BigInt(Math.floor(Date.now() / 1000) - Math.floor(session.createdAt / 1000))
  return (
    (filter.id ?? BigInt(session.id)) === BigInt(session.id) &&
    (filter.type === undefined || isOfType(client, filter.type)) &&
    (filter.addr ?? client.remoteAddress) === client.remoteAddress &&
    (filter.laddr ?? client.localAddress) === client.localAddress &&
    (filter.user ?? session.user) === session.user &&
    age >= (filter.maxAge ?? 0n)
  )
}
