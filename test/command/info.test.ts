import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { commandInfo } from '../../lib/command/info.ts'
import type { CommandSpec } from '../../lib/command/spec.ts'
import { TABLE_VERSION } from '../../lib/command/table.ts'
import { encodeReply, type ProtocolVersion } from '../../lib/resp/encode.ts'
import { connect } from '../support/raw-client.ts'
import { type RealServer, startServer } from '../support/real-server.ts'
import { decodeReply, type Reply } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'

const specs: CommandSpec[] = [...Catalogue.builtIn().all()]
const subcommands = specs.flatMap((spec) => [...(spec.subcommands?.values() ?? [])])
const containers = specs.filter((spec) => spec.container)
const others = [...specs.filter((spec) => !spec.container), ...subcommands]

describe('commandInfo beside a real server', needsServer, () => {
  let server: RealServer
  let sameVersion = false

  before(async () => {
    server = await startServer()
    sameVersion = String(await server.call('INFO', 'server')).includes(`:${TABLE_VERSION}\r\n`)
  })
  after(() => server?.stop())

  async function infoOf(wanted: readonly CommandSpec[], protocol: ProtocolVersion) {
    await using client = await connect(server.port)
    await client.call('HELLO', protocol)
    return await client.pipeline(wanted.map(({ name }) => ['COMMAND', 'INFO', name]))
  }

  for (const protocol of [2, 3] as const) {
    it(`describes each command as the server does in RESP${protocol}, byte for byte`, async (t) => {
      if (!sameVersion) return t.skip(`the server is not Redis ${TABLE_VERSION}`)
      const frames = await infoOf(others, protocol)
      for (const [i, spec] of others.entries()) {
        const own = encodeReply([commandInfo(spec)], protocol)
        assert.equal(own.toString(), frames[i]!.toString(), spec.name)
      }
    })

    it(`describes containers as the server does in RESP${protocol}, but for the order`, async (t) => {
      if (!sameVersion) return t.skip(`the server is not Redis ${TABLE_VERSION}`)
      const frames = await infoOf(containers, protocol)
      for (const [i, spec] of containers.entries()) {
        const own = encodeReply([commandInfo(spec)], protocol)
        assert.equal(own.length, frames[i]!.length, spec.name)
        assert.deepEqual(sorted(decodeReply(own)), sorted(decodeReply(frames[i]!)), spec.name)
      }
    })
  }
})

/** The server keeps subcommands in a hash table whose order differs from start to start. */
function sorted(reply: Reply): Reply {
  const [row] = reply as Reply[][]
  const inner = row!.pop() as Reply[][]
  return [...row!, inner.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))]
}
