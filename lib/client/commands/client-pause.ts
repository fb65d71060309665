import { ErrorReply, OK } from '../../resp/encode.ts'
import { integer, word } from './argument.ts'
import type { Everywhere } from './everywhere.ts'

const NOT_INTEGER = new ErrorReply('ERR timeout is not an integer or out of range')
const NEGATIVE = new ErrorReply('ERR timeout is negative')
const BAD_MODE = new ErrorReply('ERR CLIENT PAUSE mode must be WRITE or ALL')
const TOO_MANY = new ErrorReply(
  "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP."
)

/** `CLIENT PAUSE milliseconds [WRITE|ALL]`. */
export const pausing: Everywhere<boolean> = {
  kind: 'client-pause',
  share: (args, services) => {
    if (args.length > 4) return TOO_MANY
    const mode = args[3] === undefined ? 'all' : word(args[3])
    if (mode !== 'write' && mode !== 'all') return BAD_MODE
    const timeout = integer(args[2]!)
    if (timeout === undefined) return NOT_INTEGER
    if (timeout < 0n) return NEGATIVE
    services.pause.begin(mode, Number(timeout))
    return true
  },
  reply: () => OK,
}

/** `CLIENT UNPAUSE`. */
export const unpausing: Everywhere<boolean> = {
  kind: 'client-unpause',
  share: (_args, services) => {
    services.pause.end()
    return true
  },
  reply: () => OK,
}
