import type { ErrorReply } from '../../resp/encode.ts'
import { argument, type RequestView } from '../../resp/request-reader.ts'
import { cString, word } from './argument.ts'
import { errorOf } from './refusal.ts'

/** Longest quotation of a name, and of all arguments together, in the server's error. */
const QUOTED = 128

/** The server's answer to a command that it does not know (`commandCheckExistence`). */
export function unknownCommand(view: RequestView): ErrorReply {
  const parts: (string | Buffer)[] = []
  let length = 0
  for (let i = 1; i < view.argc && length < QUOTED; i++) {
    const quoted = cString(argument(view, i), QUOTED - length)
    parts.push("'", quoted, "' ")
    length += quoted.length + 3
  }
  const name = cString(argument(view, 0), QUOTED)
  return errorOf("ERR unknown command '", name, "', with args beginning with: ", ...parts)
}

/** Whether this is the beginning of an HTTP request: a web page may be made to send commands, so the server hangs up. */
export function isHttp(view: RequestView): boolean {
  const length = view.offsets[1]! - view.offsets[0]!
  if (length !== 4 && length !== 5) return false
  const name = word(argument(view, 0))
  return name === 'post' || name === 'host:'
}
