import createDebug from 'debug'
import { Catalogue } from '../command/catalogue.ts'
import type { ClusterNode } from './node.ts'
import { ask, within } from './question.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Milliseconds that a master may take for all questions; while it does, the proxy is not `ready`. */
const PATIENCE = 2000

/** What servers call themselves. A Valkey says beside that which version of Redis it is like, and that is {@link Catalogue.version}. */
export interface ServerSoftware {
  /** Such as `redis` or `valkey`. */
  readonly name: string
  /** Such as `8.0.1`. */
  readonly version: string
}

/** Learns from the cluster which commands it knows, so that newer ones and those of modules are routed rightly. */
export class CatalogueLearner {
  /** What is known of commands; the built-in table until a node has answered. */
  catalogue: Catalogue = Catalogue.builtIn()
  /** What the servers are. */
  software: ServerSoftware = { name: 'redis', version: this.catalogue.version }
  readonly #masters: () => readonly ClusterNode[]
  #known = ''
  #learning: Promise<void> | undefined

  constructor(masters: () => readonly ClusterNode[]) {
    this.#masters = masters
  }

  /** Asks a master for its commands if their number or its version is another than before. Never rejects: the former catalogue stays in force. */
  learn(): Promise<void> {
    this.#learning ??= this.#ask().finally(() => {
      this.#learning = undefined
    })
    return this.#learning
  }

  async #ask(): Promise<void> {
    for (const node of this.#masters()) {
      if (node.status !== 'up') continue
      try {
        await within(PATIENCE, node, this.#askOne(node))
        return
      } catch (error) {
        debug('%s does not tell its commands: %s', node.name, (error as Error).message)
      }
    }
  }

  async #askOne(node: ClusterNode): Promise<void> {
    const count = Number(await ask(node, 'COMMAND', 'COUNT'))
    const info = String(await ask(node, 'INFO', 'server'))
    const software = softwareOf(info)
    // Another version may have as many, since subcommands are not counted.
    const known = `${count} ${software?.name} ${software?.version}`
    if (known === this.#known) return
    const version = versionIn(info, 'redis')
    this.catalogue = Catalogue.builtIn().overlaid(await ask(node, 'COMMAND'), version)
    this.software = software ?? { name: 'redis', version: this.catalogue.version }
    this.#known = known
  }
}

/** What a server says of itself in the section `server` of INFO; undefined where it says nothing. Only a Valkey tells its name. */
export function softwareOf(info: string): ServerSoftware | undefined {
  const name = /^server_name:([a-z]+)\r?$/m.exec(info)?.[1] ?? 'redis'
  const version = versionIn(info, name)
  return version === undefined ? undefined : { name, version }
}

function versionIn(info: string, name: string): string | undefined {
  return new RegExp(`^${name}_version:(\\S+)`, 'm').exec(info)?.[1]
}
