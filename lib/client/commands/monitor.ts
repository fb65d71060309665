import { ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import { command } from './container.ts'
import type { LocalCall, LocalCommands } from './local.ts'
import { forbidden } from './refusal.ts'

const NOT_IN_MULTI = new ErrorReply("ERR MONITOR isn't allowed for DENY BLOCKING client")

/** `MONITOR`, for those who may administer: from now on the client is shown what all clients of the proxy ask. */
function monitor({ client, session, services }: LocalCall): ReplyValue {
  if (!services.admin.rules.adminCommands) return forbidden('monitor')
  if (client.queuedCommands >= 0) return NOT_IN_MULTI
  // Whether it may was asked for, and who is gone would stay for ever.
  if (client.gone) return OK
  services.monitors.add(client)
  session.monitoring = true
  return OK
}

/** Handler of MONITOR. */
export const monitorCommands: LocalCommands = { monitor: command('monitor', 1, monitor) }
