import { once } from 'node:events'
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server,
  type Socket,
} from 'node:net'

/** What passes between one connection of the proxy and the node behind. */
interface Link {
  readonly near: Socket
  readonly far: Socket
  /** Replies that are held back; undefined while they pass. */
  held: Buffer[] | undefined
}

/** Where a wire leads: to a port of 127.0.0.1, to nobody, to a server with as many clients as it can have, or to one that says nothing. */
type Target = number | 'nobody' | 'full' | 'mute'

/** Which requests a hold waits for: text that stands in their bytes. */
interface Hold {
  readonly text: string
  readonly resolve: () => void
}

/**
 * A relay in front of a node that can hold replies back, fall silent, and stop listening: what a network does to a connection and no server
 * can do to its own.
 */
export class Wire implements AsyncDisposable {
  /** Connections accepted so far. */
  accepted = 0
  readonly #server: Server
  readonly #links: Set<Link> = new Set()
  #holds: Hold[] = []
  #silent = false
  #target: Target

  private constructor(server: Server, target: Target) {
    this.#server = server
    this.#target = target
    server.on('connection', (near) => this.#accept(near))
  }

  /** A wire to a target. */
  static async to(target: Target): Promise<Wire> {
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Wire(server, target)
  }

  /** The port on which it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Leads new connections elsewhere. */
  lead(target: Target): void {
    this.#target = target
  }

  /**
   * Holds all replies back on the connection on which a request with this text comes next, those to this request included; resolves when it
   * has come.
   */
  hold(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no request with ${text} came`)), 5000)
      const arrived = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#holds.push({ text, resolve: arrived })
    })
  }

  /** Lets all replies through that were held. */
  release(): void {
    this.#holds = []
    for (const link of this.#links) {
      const { held } = link
      link.held = undefined
      for (const chunk of held ?? []) link.near.write(chunk)
    }
  }

  /** From now on nothing passes any more, and nothing ends: connections are half open. */
  silence(): void {
    this.#silent = true
  }

  /** Refuses new connections from now on; the old ones stay. */
  refuse(): void {
    this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#links) {
      near.destroy()
      far.destroy()
    }
    if (this.#server.listening) this.#server.close()
  }

  #accept(near: Socket): void {
    this.accepted++
    near.on('error', () => {})
    if (typeof this.#target === 'string') {
      if (this.#target === 'full') near.end('-ERR max number of clients reached\r\n')
      else if (this.#target === 'mute') this.#links.add({ near, far: near, held: undefined })
      else near.destroy()
      return
    }
    const far = createConnection({ port: this.#target, host: '127.0.0.1', noDelay: true })
    const link: Link = { near, far, held: undefined }
    this.#links.add(link)
    far.on('error', () => near.destroy())
    near.on('data', (chunk) => this.#request(link, chunk))
    far.on('data', (chunk) => this.#reply(link, chunk))
    far.on('close', () => {
      if (!this.#silent) near.destroy()
    })
    near.on('close', () => {
      this.#links.delete(link)
      far.destroy()
    })
  }

  #request(link: Link, chunk: Buffer): void {
    if (this.#silent) return
    const found = this.#holds.filter((hold) => chunk.includes(hold.text))
    if (found.length > 0) {
      link.held ??= []
      this.#holds = this.#holds.filter((hold) => !found.includes(hold))
      for (const hold of found) hold.resolve()
    }
    link.far.write(chunk)
  }

  #reply(link: Link, chunk: Buffer): void {
    if (this.#silent) return
    if (link.held === undefined) link.near.write(chunk)
    else link.held.push(chunk)
  }
}
