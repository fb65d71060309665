import type { CommandSpec } from '../../command/spec.ts'
import { replyText } from '../../errors.ts'
import { ErrorReply } from '../../resp/encode.ts'
import type { Session } from '../session.ts'
import { type LocalHandler, NO_REPLY } from './local.ts'
import { localHandler } from './registry.ts'

/** Beside what administers, what a node does for the proxy and not for the user. */
function isGuarded({ categories, name }: CommandSpec): boolean {
  return categories.has('@admin') || categories.has('@dangerous') || name === 'client|tracking'
}

/**
 * What answers a command for a client. Who is a user of the cluster must not have the proxy do what the cluster would not let that user do there; the
 * nodes see to the rest.
 */
export function handlerFor(spec: CommandSpec, { identity }: Session): LocalHandler | undefined {
  const handler = localHandler(spec)
  if (identity === undefined || handler === undefined) return handler
  if (!isGuarded(spec)) return handler
  return async (call) => {
    const allowed = await call.services.clusterRights.mayRun(identity, spec)
    if (!allowed) return new ErrorReply(replyText.deniedCommand(spec.name))
    const reply = await handler(call)
    // What has no reply ends the connection, or the proxy.
    return reply === NO_REPLY ? null : reply
  }
}
