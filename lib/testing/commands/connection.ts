import {
  OK,
  type ProtocolVersion,
  type ReplyValue,
  SimpleString,
  Verbatim,
} from '../../resp/encode.ts'
import type { Client } from '../client.ts'
import type { NodeState } from '../node-state.ts'
import { integer } from '../numbers.ts'
import { refuse, TEXTS, wrongArity } from '../refusal.ts'
import { bulk, type Call, type CommandRow, family, KEYS, NO_REPLY, row } from './call.ts'

const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.'
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?'
const HELLO_FIRST =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
  'option can be used to authenticate the client and select the RESP protocol version at the same time'
const BAD_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.'
const FREE = 'loading stale fast'
const ANYTIME = 'noscript loading stale fast no_auth allow_busy'

function authenticate(node: NodeState, client: Client, user: string, password: string): void {
  const open = user === 'default' && !node.users.has('default')
  if (!open && node.users.get(user) !== password) refuse(WRONG_PASSWORD)
  client.authenticated = true
  client.user = user
}

function auth({ args, node, client }: Call): ReplyValue {
  if (args.length > 3) refuse(TEXTS.syntax)
  if (args.length === 2 && !node.users.has('default')) refuse(NO_PASSWORD)
  const [user, password] = args.length === 3 ? [args[1]!, args[2]!] : ['default', args[1]!]
  authenticate(node, client, user, password)
  return OK
}

function checkedName(name: string): string {
  return /^[!-~]*$/.test(name) ? name : refuse(BAD_NAME)
}

interface Greeting {
  readonly login: readonly [user: string, password: string] | undefined
  readonly name: string | undefined
}

function greetingOf(words: readonly string[]): Greeting {
  let login: Greeting['login']
  let name: string | undefined
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.toLowerCase()
    if (word === 'auth' && i + 2 < words.length) {
      login = [words[i + 1]!, words[i + 2]!]
      i += 2
    } else if (word === 'setname' && i + 1 < words.length) name = checkedName(words[++i]!)
    else refuse(`ERR Syntax error in HELLO option '${words[i]}'`)
  }
  return { login, name }
}

function hello({ args, node, client }: Call): ReplyValue {
  const wanted =
    args[1] === undefined
      ? undefined
      : integer(args[1], 'ERR Protocol version is not an integer or out of range')
  if (wanted !== undefined && wanted !== 2n && wanted !== 3n)
    refuse('NOPROTO unsupported protocol version')
  const { login, name } = greetingOf(args.slice(2))
  if (login !== undefined) authenticate(node, client, ...login)
  if (!client.authenticated) refuse(HELLO_FIRST)
  if (name !== undefined) client.name = name
  if (wanted !== undefined) client.protocol = Number(wanted) as ProtocolVersion
  return new Map<ReplyValue, ReplyValue>([
    ['server', 'redis'],
    ['version', node.cluster.version],
    ['proto', client.protocol],
    ['id', client.id],
    ['mode', 'cluster'],
    ['role', node.master === undefined ? 'master' : 'replica'],
    ['modules', []],
  ])
}

function ping({ args, client }: Call): ReplyValue {
  if (args.length > 2) refuse(wrongArity('ping'))
  if (client.subscribed && client.protocol === 2) return ['pong', bulk(args[1] ?? '')]
  return args[1] === undefined ? new SimpleString('PONG') : bulk(args[1])
}

function select({ args }: Call): ReplyValue {
  return integer(args[1]!) === 0n ? OK : refuse('ERR SELECT is not allowed in cluster mode')
}

function quit({ client }: Call): ReplyValue {
  client.stream.close()
  return OK
}

function reset({ node, client }: Call): ReplyValue {
  client.reset(!node.users.has('default'))
  return new SimpleString('RESET')
}

function setReadonly(value: boolean) {
  return ({ client }: Call): ReplyValue => {
    client.readonly = value
    return OK
  }
}

function asking({ client }: Call): ReplyValue {
  client.asking = true
  return OK
}

function describe(client: Client): string {
  const mode = `${client.readonly ? 'r' : ''}${client.queue === undefined ? '' : 'x'}${client.subscribed ? 'P' : ''}`
  const { remoteAddress, localAddress } = client.stream
  return (
    `id=${client.id} addr=${remoteAddress} laddr=${localAddress} name=${client.name} flags=${mode || 'N'} db=0 ` +
    `sub=${client.channels.size} psub=${client.patterns.size} multi=${client.queue?.length ?? -1} ` +
    `user=${client.user} resp=${client.protocol}`
  )
}

function clientList({ node }: Call): ReplyValue {
  return new Verbatim([...node.clients].map((client) => `${describe(client)}\n`).join(''))
}

function clientKill({ args, node, client }: Call): ReplyValue {
  const byId = args[2]?.toLowerCase() === 'id' && args.length === 4
  if (args.length !== 3 && !byId) refuse(TEXTS.syntax)
  const wanted = (one: Client): boolean =>
    byId ? String(one.id) === args[3] : one.stream.remoteAddress === args[2]
  const found = [...node.clients].filter((one) => wanted(one) && (one !== client || !byId))
  if (!byId && found.length === 0) refuse('ERR No such client')
  for (const one of found) {
    if (one === client) one.stream.close()
    else one.stream.kill()
  }
  return byId ? found.length : OK
}

function clientUnblock({ args, node }: Call): ReplyValue {
  const reason = args[3]?.toLowerCase() ?? 'timeout'
  if (reason !== 'timeout' && reason !== 'error')
    refuse('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
  const id = integer(args[2]!)
  const found = [...node.clients].find((one) => BigInt(one.id) === id)
  return Number(found?.stream.wake(reason === 'error') ?? false)
}

function clientReply({ args, client }: Call): ReplyValue | typeof NO_REPLY {
  const mode = args[2]!.toLowerCase()
  if (mode !== 'on' && mode !== 'off' && mode !== 'skip') refuse(TEXTS.syntax)
  if (mode === 'skip') {
    if (client.replyMode === 'on') client.replyMode = 'skipNext'
    return NO_REPLY
  }
  client.replyMode = mode === 'on' ? 'on' : 'off'
  return mode === 'on' ? OK : NO_REPLY
}

function clientSetinfo({ args, client }: Call): ReplyValue {
  const option = args[2]!.toLowerCase()
  if (!/^[!-~]*$/.test(args[3]!))
    refuse(`ERR ${option} cannot contain spaces, newlines or special characters.`)
  if (option === 'lib-name') client.libName = args[3]!
  else if (option === 'lib-ver') client.libVersion = args[3]!
  else refuse(`ERR Unrecognized option '${args[2]}'`)
  return OK
}

function clientSetname({ args, client }: Call): ReplyValue {
  client.name = checkedName(args[2]!)
  return OK
}

function onOff({ args }: Call): ReplyValue {
  return /^(on|off)$/i.test(args[2]!) ? OK : refuse(TEXTS.syntax)
}

/** `CLIENT TRACKING`, without OPTIN and OPTOUT. */
function clientTracking({ args, client }: Call): ReplyValue {
  const on = args[2]!.toLowerCase()
  if (on !== 'on' && on !== 'off') refuse(TEXTS.syntax)
  const words = args.slice(3)
  const choice = { redirect: 0, noLoop: false, broadcast: false }
  const prefixes: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.toLowerCase()
    if (word === 'bcast') choice.broadcast = true
    else if (word === 'noloop') choice.noLoop = true
    else if (word === 'prefix' && i + 1 < words.length) prefixes.push(words[++i]!)
    else if (word === 'redirect' && i + 1 < words.length)
      choice.redirect = Number(integer(words[++i]!))
    else refuse(TEXTS.syntax)
  }
  const { redirect, noLoop, broadcast } = choice
  const all = [...(client.tracking?.prefixes ?? []), ...(prefixes.length > 0 ? prefixes : [''])]
  client.tracking =
    on === 'off' ? undefined : { redirect, noLoop, prefixes: broadcast ? all : undefined }
  return OK
}

const PLAIN = 'noscript loading stale'
const ADMIN = 'admin noscript loading stale'
const clientRows: readonly CommandRow[] = family('connection', [
  row('client|id', 2, PLAIN, KEYS.none, ({ client }) => client.id),
  row('client|info', 2, PLAIN, KEYS.none, ({ client }) => new Verbatim(`${describe(client)}\n`)),
  row('client|list', -2, ADMIN, KEYS.none, clientList),
  row('client|kill', -3, ADMIN, KEYS.none, clientKill),
  row('client|unblock', -3, ADMIN, KEYS.none, clientUnblock),
  row('client|setname', 3, PLAIN, KEYS.none, clientSetname),
  row('client|getname', 2, PLAIN, KEYS.none, ({ client }) =>
    client.name === '' ? null : client.name
  ),
  row('client|setinfo', 4, PLAIN, KEYS.none, clientSetinfo, { since: '7.2.0' }),
  row('client|tracking', -3, PLAIN, KEYS.none, clientTracking),
  row('client|reply', 3, PLAIN, KEYS.none, clientReply),
  row('client|no-evict', 3, ADMIN, KEYS.none, onOff),
  row('client|no-touch', 3, PLAIN, KEYS.none, onOff, { since: '7.2.0' }),
])

/** Commands on the connection. */
export const connection: readonly CommandRow[] = family('connection', [
  row('ping', -1, 'fast', KEYS.none, ping, {
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  }),
  row('echo', 2, FREE, KEYS.none, ({ args }) => bulk(args[1]!)),
  row('hello', -1, ANYTIME, KEYS.none, hello),
  row('auth', -2, ANYTIME, KEYS.none, auth),
  row('select', 2, FREE, KEYS.none, select),
  row('client', -2, '', KEYS.none, () => null, { subcommands: clientRows }),
  row('quit', -1, ANYTIME, KEYS.none, quit),
  row('reset', 1, ANYTIME, KEYS.none, reset),
  row('readonly', 1, FREE, KEYS.none, setReadonly(true)),
  row('readwrite', 1, FREE, KEYS.none, setReadonly(false)),
  row('asking', 1, 'fast', KEYS.none, asking),
])
