import type { CommandSpec } from '../../command/spec.ts'
import { aclCommands } from './acl.ts'
import { clientCommands } from './client.ts'
import { clusterCommands } from './cluster.ts'
import { commandCommands } from './command.ts'
import { configCommands } from './config.ts'
import { connectionCommands } from './connection.ts'
import { infoCommands } from './info.ts'
import type { LocalCommands, LocalHandler } from './local.ts'
import { proxyCommands } from './proxy.ts'
import { pubsubCommands } from './pubsub.ts'

/** Every command that the proxy answers itself, by name in lower case. */
export const localCommands: LocalCommands = {
  ...connectionCommands,
  ...clientCommands,
  ...commandCommands,
  ...infoCommands,
  ...configCommands,
  ...clusterCommands,
  ...aclCommands,
  ...pubsubCommands,
  ...proxyCommands,
}

const handlers: ReadonlyMap<string, LocalHandler> = new Map(Object.entries(localCommands))

/** The handler of a command, or of the container of a subcommand; undefined if the proxy does not answer it. */
export function localHandler({ name }: CommandSpec): LocalHandler | undefined {
  const bar = name.indexOf('|')
  return handlers.get(bar < 0 ? name : name.slice(0, bar))
}
