import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { everywhere } from '../../../lib/client/commands/everywhere.ts'
import { answerThread } from '../../../lib/client/commands/thread-answers.ts'
import type { ThreadHooks, ThreadQuestion } from '../../../lib/program-hooks.ts'
import { ErrorReply } from '../../../lib/resp/encode.ts'
import { fakeAdmin, fakeClient, fakeServices } from './local-call.ts'

const command = everywhere<number>({
  kind: 'test',
  share: (args) => (args.length > 1 ? args.length : new ErrorReply('ERR too few')),
  reply: (shares) => shares.map(({ thread, value }) => thread * 100 + value),
  lasting: (args) => String(args[1]),
})

/** Thread 3 of 4, of which thread 1 answers. */
function threads(asked: ThreadQuestion[]): ThreadHooks {
  return {
    index: 3,
    count: 4,
    clientsElsewhere: 0,
    idOf: () => undefined,
    ask: async (question) => {
      asked.push(question)
      return [{ thread: 1, value: 7 }]
    },
  }
}

function call(words: readonly string[], hooks: ThreadHooks | undefined) {
  const client = fakeClient(1)
  const program = hooks === undefined ? {} : { threads: hooks }
  const services = { ...fakeServices([client]), admin: { ...fakeAdmin(), program } }
  const args = words.map((word) => Buffer.from(word))
  return command({ args, client, session: client.session, services })
}

describe('a command that concerns the clients of all threads', () => {
  it('is answered at once where there is one thread', () => {
    assert.deepEqual(call(['a', 'b'], undefined), [2])
  })

  it('asks the other threads, and makes one reply of all parts', async () => {
    const asked: ThreadQuestion[] = []
    assert.deepEqual(await call(['a', 'b', 'c'], threads(asked)), [303, 107])
    assert.deepEqual(asked, [
      { kind: 'test', args: ['a', 'b', 'c'].map((word) => Buffer.from(word)), lasting: 'b' },
    ])
  })

  it('asks nobody when its arguments are wrong', () => {
    const asked: ThreadQuestion[] = []
    assert.ok(call(['a'], threads(asked)) instanceof ErrorReply)
    assert.deepEqual(asked, [])
  })
})

describe('a question of another thread', () => {
  it('has this thread do its part', () => {
    const [one, other] = [fakeClient(1), fakeClient(2)]
    const args = ['CLIENT', 'KILL', 'ID', '2'].map((word) => new Uint8Array(Buffer.from(word)))
    assert.equal(answerThread({ kind: 'client-kill', args }, fakeServices([one, other])), 1)
    assert.deepEqual([one.ended, other.ended], ['no', 'killed'])
  })

  it('has no answer when it is not known, or wrong', () => {
    const args = ['CLIENT', 'KILL', 'ID', 'x'].map((word) => Buffer.from(word))
    assert.equal(answerThread({ kind: 'client-kill', args }, fakeServices()), undefined)
    assert.equal(answerThread({ kind: 'of a later version', args }, fakeServices()), undefined)
  })
})
