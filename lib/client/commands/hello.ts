import { LANES } from '../../cluster/lanes.ts'
import { ErrorReply, type ProtocolVersion, type ReplyValue } from '../../resp/encode.ts'
import { integer, isPrintable, word } from './argument.ts'
import { authenticate, type Outcome } from './credential.ts'
import type { LocalCall } from './local.ts'
import { BAD_NAME, errorOf, HELLO_NOT_AUTHENTICATED, NO_PROTOCOL } from './refusal.ts'

const NOT_VERSION = new ErrorReply('ERR Protocol version is not an integer or out of range')

/**
 * `HELLO [version [AUTH user password] [SETNAME name]]`. Options take effect one by one, as in the server: a name that
 * is refused does not undo the AUTH before it. The version changes only when all went well.
 */
export function hello(call: LocalCall): ReplyValue | Promise<ReplyValue> {
  const { args, session } = call
  const version = args.length < 2 ? session.protocol : wantedVersion(call)
  if (version instanceof ErrorReply) return version
  const outcome = applyOptions(call, 2)
  return outcome instanceof Promise
    ? outcome.then((refused) => finish(call, version, refused))
    : finish(call, version, outcome)
}

function finish(call: LocalCall, version: ProtocolVersion, refused: Outcome): ReplyValue {
  const { session } = call
  if (refused !== undefined) return refused
  if (!session.authenticated) return HELLO_NOT_AUTHENTICATED
  session.protocol = version
  if (version === 3) call.services.privates.expect(LANES.resp3)
  return greeting(call)
}

function wantedVersion({ args, services }: LocalCall): ProtocolVersion | ErrorReply {
  const version = integer(args[1]!)
  if (version === undefined) return NOT_VERSION
  if (version === 2n) return 2
  return version === 3n && services.resp3 ? 3 : NO_PROTOCOL
}

function applyOptions(call: LocalCall, from: number): Outcome | Promise<Outcome> {
  const { args, session } = call
  let at = from
  while (at < args.length) {
    const option = word(args[at]!)
    const more = args.length - 1 - at
    if (option === 'auth' && more >= 2) {
      const outcome = authenticate(call, args[at + 1]!, args[at + 2]!)
      at += 3
      const next = at
      if (outcome instanceof Promise) {
        return outcome.then((refused) => refused ?? applyOptions(call, next))
      }
      if (outcome !== undefined) return outcome
    } else if (option === 'setname' && more >= 1) {
      const name = args[at + 1]!
      if (!isPrintable(name)) return BAD_NAME
      session.name = name.toString('latin1')
      at += 2
    } else {
      return errorOf("ERR Syntax error in HELLO option '", args[at]!, "'")
    }
  }
  return undefined
}

function greeting({ session, services }: LocalCall): ReplyValue {
  return new Map<ReplyValue, ReplyValue>([
    ['server', 'redis'],
    ['version', services.serverVersion],
    ['proto', session.protocol],
    ['id', session.id],
    // As INFO says: a client that finds 'cluster' here would expect to be redirected.
    ['mode', 'standalone'],
    ['role', 'master'],
    ['modules', []],
  ])
}
