import createDebug from 'debug'
import { Catalogue } from '../command/catalogue.ts'
import type { ClusterNode } from './node.ts'
import { ask, within } from './question.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Milliseconds that a master may take for all questions; while it does, the proxy is not `ready`. */
const PATIENCE = 2000

/** Learns from the cluster which commands it knows, so that newer ones and those of modules are routed rightly. */
export class CatalogueLearner {
  /** What is known of commands; the built-in table until a node has answered. */
  catalogue: Catalogue = Catalogue.builtIn()
  readonly #masters: () => readonly ClusterNode[]
  #count = -1
  #learning: Promise<void> | undefined

  constructor(masters: () => readonly ClusterNode[]) {
    this.#masters = masters
  }

  /** Asks a master for its commands if their number is another than before. Never rejects: the former catalogue stays in force. */
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
    if (count === this.#count) return
    const info = String(await ask(node, 'INFO', 'server'))
    const version = /^(?:valkey|redis)_version:(\S+)/m.exec(info)?.[1]
    this.catalogue = Catalogue.builtIn().overlaid(await ask(node, 'COMMAND'), version)
    this.#count = count
  }
}
