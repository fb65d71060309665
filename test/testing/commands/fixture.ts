import { afterEach, beforeEach } from 'node:test'
import {
  createFakeCluster,
  type FakeCluster,
  type FakeClusterOptions,
  type FakeNode,
} from '../../../lib/testing/index.ts'
import { connect, type RawClient } from '../../support/raw-client.ts'

/** A fresh fake cluster with a client at its first node for every test of a suite. */
export class Fixture {
  cluster!: FakeCluster
  node!: FakeNode
  client!: RawClient
  readonly #clients: RawClient[] = []

  constructor(options: FakeClusterOptions = { masters: 1 }) {
    beforeEach(async () => {
      this.cluster = await createFakeCluster(options)
      this.node = this.cluster.nodes[0]!
      this.client = await this.connect()
    })
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) await client[Symbol.asyncDispose]()
      await this.cluster.close()
    })
  }

  /** A further client, by default at the first node. */
  async connect(node: FakeNode = this.node): Promise<RawClient> {
    const client = await connect(node.port)
    this.#clients.push(client)
    return client
  }

  /** The bytes of a reply as text. */
  async say(...command: string[]): Promise<string> {
    return (await this.client.call(...command)).toString()
  }
}
