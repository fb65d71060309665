import type { SlotCache } from '../cluster/slot-cache.ts'
import { ProxyError } from '../errors.ts'
import { content, isError, valueStart } from '../resp/frame.ts'
import { callMaster } from './call.ts'
import type { Router } from './router.ts'

/** What one master answered. */
export interface MasterAnswer {
  /** Name of the master. */
  readonly node: string
  readonly text: string
}

/** Asks all masters for a section of INFO. */
export class Survey {
  readonly #router: Router
  readonly #cache: SlotCache
  readonly #running: Map<string, Promise<readonly MasterAnswer[]>> = new Map()

  constructor(router: Router, cache: SlotCache) {
    this.#router = router
    this.#cache = cache
  }

  /**
   * What all masters answer to `INFO section` on a lane; rejects with `NODE_REPLY` if one answers with an error. `shared` may give the answers to an inquiry that is
   * on its way already, so that those who ask often never wait for more than one.
   */
  ask(section: string, shared: boolean, lane: number): Promise<readonly MasterAnswer[]> {
    const key = `${lane} ${section}`
    const known = shared ? this.#running.get(key) : undefined
    if (known !== undefined) return known
    const answers = this.#ask(section, lane)
    this.#running.set(key, answers)
    const ended = (): void => {
      if (this.#running.get(key) === answers) this.#running.delete(key)
    }
    answers.then(ended, ended)
    return answers
  }

  async #ask(section: string, lane: number): Promise<readonly MasterAnswer[]> {
    const anchors = this.#cache.anchors()
    if (anchors === undefined) {
      throw new ProxyError('NO_TOPOLOGY', 'a slot has no owner')
    }
    const question = ['INFO', section]
    const answers = await Promise.all(
      anchors.map((anchor) => callMaster(this.#router, anchor, question, lane))
    )
    return answers.map(({ node, reply }) => {
      const at = valueStart(reply)
      const text = content(reply, at).toString()
      if (isError(reply, at)) throw new ProxyError('NODE_REPLY', `${text} (from ${node})`)
      return { node, text }
    })
  }
}
