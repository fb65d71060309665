import { ErrorReply, type ReplyValue, Verbatim } from '../../resp/encode.ts'
import { integer, word } from './argument.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import type { LocalCall, LocalClient, LocalHandler } from './local.ts'
import { errorOf, SYNTAX } from './refusal.ts'

const BAD_ID = new ErrorReply('ERR Invalid client ID')

/** Kinds of clients that a filter may name; the proxy has the first and the last only. */
const CLIENT_TYPES: readonly string[] = ['normal', 'master', 'replica', 'slave', 'pubsub']

/** The kind of client that an argument names, or the error that it names none. */
export function clientType(arg: Buffer): string | ErrorReply {
  const type = word(arg)
  return CLIENT_TYPES.includes(type) ? type : errorOf("ERR Unknown client type '", arg, "'")
}

/** Whether a client is of the kind. */
export function isOfType(client: LocalClient, type: string): boolean {
  return type === (isSubscribed(client) ? 'pubsub' : 'normal')
}

/** Whether a client is subscribed to anything. */
export function isSubscribed({ subscriptions }: LocalClient): boolean {
  return subscriptions.channel + subscriptions.pattern + subscriptions.shard > 0
}

/** `CLIENT INFO`. */
export function clientInfo({ client }: LocalCall): ReplyValue {
  return new Verbatim(clientLine(client))
}

/** Clients of one thread: the id and the line of each. */
type Listed = readonly (readonly [id: number, line: string])[]

/** What each thread lists. */
export const listing: Everywhere<Listed> = {
  kind: 'client-list',
  share: (args, services) => {
    const wanted = parse(args)
    if (wanted instanceof ErrorReply) return wanted
    const found = [...services.clients()].filter(wanted)
    return found.map((client) => [client.session.id, clientLine(client)])
  },
  reply: (shares, { args }) => {
    const all = shares.flatMap(({ value }) => value).sort(([one], [other]) => one - other)
    const lines = isIdList(args) ? inOrderOf(args.slice(3), all) : all.map(([, line]) => line)
    return new Verbatim(lines.join(''))
  },
}

/** `CLIENT LIST [TYPE type] [ID id [id ...]]`. */
export const clientList: LocalHandler = everywhere(listing)

function isIdList(args: readonly Buffer[]): boolean {
  return args.length > 3 && word(args[2]!) === 'id'
}

/** Which clients are meant. */
function parse(args: readonly Buffer[]): ((client: LocalClient) => boolean) | ErrorReply {
  if (args.length === 2) return () => true
  if (isIdList(args)) {
    const ids = args.slice(3).map(integer)
    if (ids.includes(undefined)) return BAD_ID
    return ({ session }) => ids.includes(BigInt(session.id))
  }
  if (word(args[2]!) !== 'type' || args.length !== 4) return SYNTAX
  const type = clientType(args[3]!)
  return type instanceof ErrorReply ? type : (client) => isOfType(client, type)
}

/** In the order in which ids were asked for, each as often as it was. */
function inOrderOf(ids: readonly Buffer[], all: Listed): string[] {
  const byId = new Map(all.map(([id, line]) => [String(id), line]))
  return ids.map((id) => byId.get(id.toString('latin1')) ?? '')
}

/**
 * A client as one line of `CLIENT LIST`: the fields of Redis 7.0 in its order, those of 7.2 and 8.0 behind them.
 * What a client has not got here, such as a file descriptor, has the value that says so.
 */
export function clientLine(client: LocalClient): string {
  const { session } = client
  const now = Date.now()
  const seconds = (since: number): number => Math.max(0, Math.floor((now - since) / 1000))
  const fields: Readonly<Record<string, string | number>> = {
    id: session.id,
    addr: client.remoteAddress,
    laddr: client.localAddress,
    fd: -1,
    name: session.name,
    age: seconds(session.createdAt),
    idle: seconds(client.lastActiveAt),
    flags: flags(client),
    db: session.db,
    sub: client.subscriptions.channel,
    psub: client.subscriptions.pattern,
    ssub: client.subscriptions.shard,
    multi: client.queuedCommands,
    qbuf: client.inputBytes,
    'qbuf-free': 0,
    'argv-mem': 0,
    'multi-mem': 0,
    rbs: 0,
    rbp: 0,
    obl: 0,
    oll: client.pendingRequests,
    omem: client.outputBytes,
    'tot-mem': client.inputBytes + client.outputBytes,
    events: 'r',
    cmd: client.lastCommand || 'NULL',
    user: session.user,
    redir: session.tracking?.redirect ?? -1,
    resp: session.protocol,
    'lib-name': session.libName,
    'lib-ver': session.libVersion,
    'tot-net-in': client.totalBytesRead,
    'tot-net-out': client.totalBytesWritten,
    'tot-cmds': client.totalCommands,
  }
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  return `${pairs.join(' ')}\n`
}

/** In the order of the server. */
function flags(client: LocalClient): string {
  const { session, remoteAddress, blocked, paused, queuedCommands } = client
  const set = [
    session.monitoring && 'O',
    isSubscribed(client) && 'P',
    queuedCommands >= 0 && 'x',
    (blocked || paused) && 'b',
    session.tracking !== undefined && 't',
    session.tracking?.broken === true && 'R',
    session.tracking?.mode === 'bcast' && 'B',
    remoteAddress.startsWith('/') && 'U',
    session.readonlyMode && 'r',
    session.noEvict && 'e',
    session.noTouch && 'T',
  ].filter((flag) => flag !== false)
  return set.length === 0 ? 'N' : set.join('')
}
