import { existsSync } from 'node:fs'
import { type Configuration, refused } from './configuration.ts'
import { nameOf } from './sources.ts'

/**
 * Whether the nodes that a configuration names can be meant. None are the embedded cluster, which is for trying out: who wrote a configuration file, or an option
 * without a value, meant a cluster, and must not have data kept in this process. Throws `INVALID_OPTION`.
 */
export function checkEntryPoints(configuration: Configuration, file: string): void {
  const nodes = configuration.value<readonly string[]>('cluster')
  const origin = configuration.originOf('cluster')
  for (const node of nodes) {
    // A host that lacks its port would be the path of a socket, which is looked for in vain.
    if (/[:/]/.test(node) || existsSync(node)) continue
    throw refused(
      origin,
      `got '${node}', expected host:port, or the path of a UNIX socket (there is none of this name)`
    )
  }
  if (nodes.length > 0) return
  if (configuration.find('cluster').source !== 'default')
    throw refused(origin, 'got no node, expected at least one')
  if (file === '') return
  throw refused(
    nameOf(file),
    'it names no node of a cluster (cluster, redis_nodes), expected at least one'
  )
}
