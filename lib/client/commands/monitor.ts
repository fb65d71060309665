import { ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import { MONITOR_KINDS } from '../monitors-elsewhere.ts'
import { command } from './container.ts'
import type { Everywhere } from './everywhere.ts'
import type { LocalCall, LocalCommands } from './local.ts'
import { administrative } from './refusal.ts'

const NOT_IN_MULTI = new ErrorReply("ERR MONITOR isn't allowed for DENY BLOCKING client")

/** `MONITOR`, for those who may administer: from now on the client is shown what all clients of the proxy ask. */
function monitor({ client, session, services }: LocalCall): ReplyValue | Promise<ReplyValue> {
  if (!services.admin.rules.adminCommands) return administrative('monitor')
  if (client.queuedCommands >= 0) return NOT_IN_MULTI
  const begin = (): ReplyValue => {
    session.monitoring = true
    return OK
  }
  return services.monitors.add(client)?.then(begin) ?? begin()
}

/** Handler of MONITOR. */
export const monitorCommands: LocalCommands = { monitor: command('monitor', 1, monitor) }

/** What other threads say of their monitors, and for those of this one. */
export const monitorShares: readonly Pick<Everywhere<unknown>, 'kind' | 'share'>[] = [
  {
    kind: MONITOR_KINDS.begin,
    share: ([name, thread], { monitors }) =>
      monitors.elsewhere.onBegin(String(name), Number(thread)),
  },
  {
    kind: MONITOR_KINDS.lines,
    share: ([names, lines], { monitors }) => monitors.showLines(String(names), lines!),
  },
  {
    kind: MONITOR_KINDS.end,
    share: ([name], { monitors }) => monitors.onEnd(String(name)),
  },
]
