/**
 * Commands about the connection itself: PING, ECHO, QUIT, RESET, SELECT, AUTH, READONLY, READWRITE and ASKING.
 *
 * @module
 */

import { ErrorReply, OK, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { integer } from './argument.ts'
import { isSubscribed } from './client-list.ts'
import { command } from './container.ts'
import { authenticate, enter } from './credential.ts'
import { hello } from './hello.ts'
import type { LocalCall, LocalCommands, LocalHandler } from './local.ts'
import { CLUSTER_DISABLED, NOT_INTEGER, SYNTAX, wrongArity } from './refusal.ts'

/** Databases that a server has unless it is told otherwise; a cluster uses the first only. */
export const DATABASES = 16

const PONG = new SimpleString('PONG')
const RESET = new SimpleString('RESET')
const INT_MAX = 2147483647n
const NOT_INT = new ErrorReply(
  'ERR value is out of range, value must between -2147483648 and 2147483647'
)
const DB_OUT_OF_RANGE = new ErrorReply('ERR DB index is out of range')
const SELECT_NOT_ALLOWED = new ErrorReply('ERR SELECT is not allowed in cluster mode')

/** A client of RESP2 that is subscribed must be able to tell the reply from a message. */
function ping({ args, client, session }: LocalCall): ReplyValue {
  if (args.length > 2) return wrongArity('ping')
  if (session.protocol === 2 && isSubscribed(client)) return ['pong', args[1] ?? '']
  return args[1] ?? PONG
}

function quit({ client }: LocalCall): ReplyValue {
  client.closeAfterReplies()
  return OK
}

function reset({ session, services }: LocalCall): ReplyValue {
  session.reset()
  enter(session, services)
  return RESET
}

function select({ args, session }: LocalCall): ReplyValue {
  const index = integer(args[1]!)
  if (index === undefined) return NOT_INTEGER
  if (index > INT_MAX || index < -INT_MAX - 1n) return NOT_INT
  if (index < 0n || index >= BigInt(DATABASES)) return DB_OUT_OF_RANGE
  if (index !== 0n) return SELECT_NOT_ALLOWED
  session.db = 0
  return OK
}

/** `AUTH [user] password`. */
function auth(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const { args } = call
  if (args.length > 3) return SYNTAX
  const user = args.length === 3 ? args[1]! : undefined
  const outcome = authenticate(call, user, args.at(-1)!)
  return outcome instanceof Promise ? outcome.then((error) => error ?? OK) : (outcome ?? OK)
}

/** Answers OK where cluster-aware clients are served, after `effect`. */
function clusterOnly(effect: (call: LocalCall) => void): LocalHandler {
  return (call) => {
    if (!call.services.clusterEmulation) return CLUSTER_DISABLED
    effect(call)
    return OK
  }
}

/** Handlers of the commands about the connection. */
export const connectionCommands: LocalCommands = {
  ping: command('ping', -1, ping),
  echo: command('echo', 2, ({ args }) => args[1]!),
  quit: command('quit', -1, quit),
  reset: command('reset', 1, reset),
  select: command('select', 2, select),
  auth: command('auth', -2, auth),
  hello: command('hello', -1, hello),
  readonly: command(
    'readonly',
    1,
    clusterOnly(({ session }) => {
      session.readonlyMode = true
    })
  ),
  readwrite: command(
    'readwrite',
    1,
    clusterOnly(({ session }) => {
      session.readonlyMode = false
    })
  ),
  // Nothing is remembered: redirects are followed by the proxy, so a client has no use for it.
  asking: command(
    'asking',
    1,
    clusterOnly(() => {})
  ),
}
