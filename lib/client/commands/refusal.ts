/**
 * The errors with which local commands refuse, in the words of Redis 7.0 where it has words for them.
 *
 * @module
 */

import { replyText } from '../../errors.ts'
import { ErrorReply } from '../../resp/encode.ts'
import { cString } from './argument.ts'

/** An option that is not known, or is not where it belongs. */
export const SYNTAX: ErrorReply = new ErrorReply('ERR syntax error')
/** An argument that should be an integer of 64 bits. */
export const NOT_INTEGER: ErrorReply = new ErrorReply('ERR value is not an integer or out of range')
/** CLUSTER, READONLY, READWRITE and ASKING without cluster emulation. */
export const CLUSTER_DISABLED: ErrorReply = new ErrorReply(
  'ERR This instance has cluster support disabled'
)
/** AUTH, and HELLO with AUTH. */
export const WRONG_PASSWORD: ErrorReply = new ErrorReply(
  'WRONGPASS invalid username-password pair or user is disabled.'
)
/** AUTH with a password alone where none is needed. */
export const NO_PASSWORD_SET: ErrorReply = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. ' +
    'Are you sure your configuration is correct?'
)
/** Anything but AUTH, HELLO, QUIT and RESET before AUTH. */
export const NOT_AUTHENTICATED: ErrorReply = new ErrorReply('NOAUTH Authentication required.')
/** HELLO before AUTH, without its AUTH option, in the words of 7.0. */
export const HELLO_NOT_AUTHENTICATED_7_0: ErrorReply = needsAuth('HELLO AUTH')
/** The same in the words since 7.2. */
export const HELLO_NOT_AUTHENTICATED: ErrorReply = needsAuth('HELLO <proto> AUTH')
/** HELLO with a version that is not spoken; clients fall back to RESP2 on this code. */
export const NO_PROTOCOL: ErrorReply = new ErrorReply('NOPROTO unsupported protocol version')
/** A name in `CLIENT LIST` that would break its lines. */
export const BAD_NAME: ErrorReply = new ErrorReply(
  'ERR Client names cannot contain spaces, newlines or special characters.'
)

function needsAuth(option: string): ErrorReply {
  return new ErrorReply(
    `NOAUTH HELLO must be called with the client already authenticated, otherwise the ${option} ` +
      '<user> <pass> option can be used to authenticate the client and select the RESP protocol ' +
      'version at the same time'
  )
}

/** An error of parts; bytes that come from a client are quoted as C strings (`%s`). */
export function errorOf(...parts: readonly (string | Buffer)[]): ErrorReply {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : cString(part)))
  return new ErrorReply(Buffer.concat(bytes))
}

/** Too few or too many arguments; `name` is `container|subcommand` for a subcommand. */
export function wrongArity(name: string): ErrorReply {
  return new ErrorReply(replyText.wrongArity(name))
}

/** A subcommand that its container does not have. */
export function unknownSubcommand(container: string, subcommand: Buffer): ErrorReply {
  const quoted = cString(subcommand, 128)
  return errorOf("ERR unknown subcommand '", quoted, `'. Try ${container.toUpperCase()} HELP.`)
}

/** Arguments that a subcommand does not take, where the server finds that out itself. */
export function wrongSubcommand(container: string, subcommand: Buffer): ErrorReply {
  const what = 'ERR unknown subcommand or wrong number of arguments for'
  return errorOf(`${what} '`, cString(subcommand, 128), `'. Try ${container.toUpperCase()} HELP.`)
}

/** A command that the proxy knows and does not carry out; nothing was done. */
export function unsupported(name: string): ErrorReply {
  return new ErrorReply(replyText.unsupported(name))
}

/** A command for those who run the servers, where the proxy does not let them. */
export function administrative(name: string): ErrorReply {
  return new ErrorReply(replyText.administrative(name))
}

/** A command that would act on one server of the cluster and must be sent to that server itself. */
export function forbidden(name: string): ErrorReply {
  return new ErrorReply(replyText.forbidden(name))
}
