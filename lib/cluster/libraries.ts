import createDebug from 'debug'
import type { TopologyChangeEvent } from '../events.ts'
import { content, FrameItems } from '../resp/frame.ts'
import type { ClusterNode } from './node.ts'
import { askRaw, within } from './question.ts'

const debug = createDebug('redis-cluster-proxy:cluster')

/** Milliseconds that a node may take for one question. */
const PATIENCE = 5000

/** What {@link Libraries} looks at. */
export interface LibrariesParts {
  /** The masters that serve slots. */
  masters(): readonly ClusterNode[]
  /** The node in use that has a name. */
  named(name: string): ClusterNode | undefined
}

/**
 * Sees to it that masters which are new, or come back, have the function libraries (FUNCTION LOAD) of the others: clients load them through the
 * proxy once, and not again. What the others have is what counts; nothing is replaced or deleted.
 */
export class Libraries {
  readonly #parts: LibrariesParts
  /** Nodes that a connection was lost to: they may have been started anew, and have forgotten what they had. */
  readonly #lost: Set<ClusterNode> = new Set()

  constructor(parts: LibrariesParts) {
    this.#parts = parts
  }

  /** The cluster's shape is another than before. */
  onChange({ before, after }: TopologyChangeEvent): void {
    if (before.version === 0) return
    const known = new Set(before.nodes.filter(isMaster).map(({ address }) => address))
    for (const each of after.nodes) {
      const node = isMaster(each) ? this.#parts.named(each.address) : undefined
      if (node !== undefined && !known.has(each.address)) void this.provide(node)
    }
  }

  /** A connection to a node was lost. */
  onLost(node: ClusterNode): void {
    this.#lost.add(node)
  }

  /** The cluster was looked at: whoever was lost may be back. */
  onRefreshed(): void {
    for (const node of this.#lost) {
      if (node.status === 'down') continue
      this.#lost.delete(node)
      if (this.#parts.masters().includes(node)) void this.provide(node)
    }
  }

  /** Loads what a node lacks of the libraries of the other masters. Never rejects. */
  async provide(node: ClusterNode): Promise<void> {
    const others = this.#parts.masters().filter((each) => each !== node && each.status !== 'down')
    const found = new Map<string, Buffer>()
    for (const other of others) {
      for (const [name, code] of await codesOf(other)) found.set(name, code)
    }
    if (found.size === 0) return
    try {
      const own = await codesOf(node)
      for (const [name, code] of found) {
        if (own.has(name)) continue
        debug('library %s is loaded into %s', name, node.name)
        await within(PATIENCE, node, askRaw(node, 'FUNCTION', 'LOAD', code))
      }
    } catch (error) {
      debug('%s did not take the libraries: %s', node.name, (error as Error).message)
    }
  }
}

function isMaster({ role }: { readonly role: string }): boolean {
  return role === 'master'
}

/** The code of each library of a node, by name; of a node that does not tell, or knows no functions, none. */
async function codesOf(node: ClusterNode): Promise<Map<string, Buffer>> {
  const codes = new Map<string, Buffer>()
  try {
    const frame = await within(PATIENCE, node, askRaw(node, 'FUNCTION', 'LIST', 'WITHCODE'))
    const libraries = new FrameItems(frame)
    while (libraries.next()) {
      const fields = new Map<string, Buffer>()
      const items = new FrameItems(frame, libraries.start)
      while (items.next()) {
        const name = content(frame, items.start).toString()
        if (!items.next()) break
        if (NAMED.has(name)) fields.set(name, Buffer.from(content(frame, items.start)))
      }
      const code = fields.get('library_code')
      if (code !== undefined) codes.set(String(fields.get('library_name')), code)
    }
  } catch (error) {
    debug('%s does not tell its libraries: %s', node.name, (error as Error).message)
  }
  return codes
}

const NAMED = new Set(['library_name', 'library_code'])
