import { ErrorReply, type ReplyValue, Verbatim } from '../../resp/encode.ts'
import { integer, word } from './argument.ts'
import type { LocalCall, LocalClient } from './local.ts'
import { errorOf, SYNTAX } from './refusal.ts'

const BAD_ID = new ErrorReply('ERR Invalid client ID')

/** Kinds of clients that a filter may name; the proxy has the first only. */
const CLIENT_TYPES: readonly string[] = ['normal', 'master', 'replica', 'slave', 'pubsub']

/** The kind of client that an argument names, or the error that it names none. */
export function clientType(arg: Buffer): string | ErrorReply {
  const type = word(arg)
  return CLIENT_TYPES.includes(type) ? type : errorOf("ERR Unknown client type '", arg, "'")
}

/** Whether a client is of the kind. */
export function isOfType(_client: LocalClient, type: string): boolean {
  return type === 'normal'
}

/** `CLIENT INFO`. */
export function clientInfo({ client }: LocalCall): ReplyValue {
  return new Verbatim(clientLine(client))
}

/** `CLIENT LIST [TYPE type] [ID id [id ...]]`. */
export function clientList({ args, services }: LocalCall): ReplyValue {
  const filter = args.length > 2 ? word(args[2]!) : ''
  if (filter === 'type' && args.length === 4) {
    const type = clientType(args[3]!)
    if (type instanceof ErrorReply) return type
    return lines([...services.clients()].filter((client) => isOfType(client, type)))
  }
  if (filter === 'id' && args.length > 3) return listIds(args.slice(3), services.clients())
  return args.length === 2 ? lines(services.clients()) : SYNTAX
}

function listIds(args: readonly Buffer[], clients: Iterable<LocalClient>): ReplyValue {
  const byId = new Map([...clients].map((client) => [BigInt(client.session.id), client]))
  const found: LocalClient[] = []
  for (const arg of args) {
    const id = integer(arg)
    if (id === undefined) return BAD_ID
    const client = byId.get(id)
    if (client !== undefined) found.push(client)
  }
  return lines(found)
}

function lines(clients: Iterable<LocalClient>): ReplyValue {
  return new Verbatim(Array.from(clients, clientLine).join(''))
}

/**
 * A client as one line of `CLIENT LIST`: the fields of Redis 7.0 in its order, those of 7.2 and 8.0 behind them.
 * What a client has not got here, such as a file descriptor, has the value that says so.
 */
function clientLine(client: LocalClient): string {
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
    sub: 0,
    psub: 0,
    ssub: 0,
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

function flags({ session, remoteAddress, blocked, paused, queuedCommands }: LocalClient): string {
  const set = [
    (blocked || paused) && 'b',
    queuedCommands >= 0 && 'x',
    remoteAddress.startsWith('/') && 'U',
    session.readonlyMode && 'r',
    session.noEvict && 'e',
    session.noTouch && 'T',
    session.tracking !== undefined && 't',
    session.tracking?.broken === true && 'R',
    session.tracking?.mode === 'bcast' && 'B',
  ].filter((flag) => flag !== false)
  return set.length === 0 ? 'N' : set.join('')
}
