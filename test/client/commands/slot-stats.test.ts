import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeReply, type ProtocolVersion, type ReplyValue } from '../../../lib/resp/encode.ts'
import { decodeReply } from '../../support/resp-frame.ts'
import { LocalSide } from './local-call.ts'

type Stat = readonly [slot: number, keys: number]

function statsOf(stats: readonly Stat[], protocol: ProtocolVersion): Buffer {
  const items = stats.map(([slot, keys]): ReplyValue => [slot, new Map([['key-count', keys]])])
  return encodeReply(items, protocol)
}

/** A proxy before masters that tell of their slots. */
function served(...masters: (readonly Stat[] | string)[]): LocalSide {
  const side = new LocalSide()
  side.services.askEach = async () =>
    masters.map((told, i) => ({
      node: `host:${i}`,
      reply: typeof told === 'string' ? Buffer.from(told) : statsOf(told, side.session.protocol),
    }))
  return side
}

async function slots(side: LocalSide, ...args: (string | number)[]): Promise<unknown[]> {
  const reply = decodeReply((await side.call('CLUSTER', 'SLOT-STATS', ...args))!)
  return (reply as [number][]).map(([slot]) => slot)
}

describe('CLUSTER SLOT-STATS', () => {
  for (const protocol of [2, 3] as const) {
    it(`gives a range in the order of the slots, in RESP${protocol}`, async () => {
      const side = served(
        [[3, 1]],
        [
          [1, 0],
          [7, 2],
        ],
        []
      )
      side.session.protocol = protocol
      assert.deepEqual(await slots(side, 'SLOTSRANGE', 0, 9), [1, 3, 7])
      const text = await side.text('CLUSTER', 'SLOT-STATS', 'SLOTSRANGE', 0, 9)
      const all: readonly Stat[] = [
        [1, 0],
        [3, 1],
        [7, 2],
      ]
      assert.equal(text, statsOf(all, protocol).toString())
    })

    it(`sorts by a metric, the highest first if not told otherwise, in RESP${protocol}`, async () => {
      const side = served(
        [
          [5, 9],
          [3, 1],
        ],
        [
          [9, 9],
          [1, 0],
        ]
      )
      side.session.protocol = protocol
      assert.deepEqual(await slots(side, 'ORDERBY', 'KEY-COUNT'), [5, 9, 3, 1])
      assert.deepEqual(await slots(side, 'ORDERBY', 'key-count', 'LIMIT', 2), [5, 9])
      assert.deepEqual(await slots(side, 'orderby', 'key-count', 'asc', 'limit', 3), [1, 3, 5])
    })
  }

  it('gives the error of a node as it is', async () => {
    const side = served([[1, 1]], '-ERR Unrecognized sort metric for ORDERBY.\r\n')
    const text = await side.text('CLUSTER', 'SLOT-STATS', 'ORDERBY', 'x')
    assert.equal(text, '-ERR Unrecognized sort metric for ORDERBY.\r\n')
  })
})
