import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerThread } from '../../lib/client/commands/thread-answers.ts'
import { Monitors } from '../../lib/client/monitors.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'
import type { ThreadAnswer, ThreadQuestion } from '../../lib/program-hooks.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { fakeClient, fakeServices } from './commands/local-call.ts'

const catalogue = Catalogue.builtIn()

/** The monitors of some threads, and what goes from one to the others. */
class Threads {
  readonly all: Monitors[]
  readonly asked: (ThreadQuestion & { readonly by: number })[] = []
  /** Threads that are gone. */
  readonly dead: Set<number> = new Set()
  /** What holds answers back. */
  held: Promise<unknown> = Promise.resolve()

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, index) => {
      const ask = (question: ThreadQuestion): Promise<readonly ThreadAnswer[]> =>
        this.#carry(question, index)
      const hooks = { index, count, clientsElsewhere: 0, idOf: () => undefined, ask }
      return new Monitors(() => 0, hooks)
    })
  }

  async #carry(question: ThreadQuestion, by: number): Promise<readonly ThreadAnswer[]> {
    this.asked.push({ ...question, by })
    await this.held
    return this.all.flatMap((monitors, thread) => {
      const meant = question.to === undefined || question.to.includes(thread)
      if (thread === by || !meant || this.dead.has(thread)) return []
      const value = answerThread(question, { ...fakeServices(), monitors })
      return value === undefined ? [] : [{ thread, value }]
    })
  }

  /** A client of a thread asks something. */
  run(thread: number, ...words: string[]): void {
    const monitors = this.all[thread]!
    const view = frameRequest(words)
    if (monitors.on) monitors.show(catalogue.find(view)!, view, `10.0.0.${thread}:1`)
  }

  /** Waits until all that is to be sent has been. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  }

  get kinds(): string[] {
    return this.asked.map(({ kind, by }) => `${by} ${kind}`)
  }
}

/** A client that is shown things, or cut off. */
function monitor() {
  const shown: string[] = []
  const client = {
    ...fakeClient(1),
    push: (bytes: Buffer) => void shown.push(...String(bytes).trimEnd().split('\r\n')),
    abort: (reason: string) => void shown.push(reason),
  }
  return { client, shown: () => shown.map((line) => line.replace(/^\+\S+ /, '')) }
}

describe('MONITOR over several threads', () => {
  it('sends nothing while nobody monitors', async () => {
    const threads = new Threads(3)
    threads.run(0, 'GET', 'a')
    await threads.settle()
    assert.deepEqual(threads.asked, [])
  })

  it('begins when all threads know, and then shows what is asked in each, to its thread alone', async () => {
    const threads = new Threads(3)
    const { client, shown } = monitor()
    let release = (): void => {}
    threads.held = new Promise<void>((resolve) => {
      release = resolve
    })
    const begun = threads.all[0]!.add(client)
    threads.run(0, 'GET', 'too-early')
    release()
    await begun
    threads.run(0, 'GET', 'a')
    threads.run(1, 'GET', 'b')
    threads.run(1, 'GET', 'c')
    threads.run(2, 'GET', 'd')
    await threads.settle()
    assert.deepEqual(shown(), [
      '[0 10.0.0.0:1] "GET" "a"',
      '[0 10.0.0.1:1] "GET" "b"',
      '[0 10.0.0.1:1] "GET" "c"',
      '[0 10.0.0.2:1] "GET" "d"',
    ])
    assert.deepEqual(threads.kinds, ['0 monitor-begin', '1 monitor-lines', '2 monitor-lines'])
    assert.deepEqual(threads.asked[1]!.to, [0])
  })

  it('ends everywhere when the last monitor of a thread leaves, and begins anew under another name', async () => {
    const threads = new Threads(2)
    const [one, other] = [monitor(), monitor()]
    const [here, there] = threads.all as [Monitors, Monitors]
    await here.add(one.client)
    await here.add(other.client)
    here.remove(one.client)
    assert.ok(there.on)
    here.remove(other.client)
    await threads.settle()
    assert.deepEqual([here.on, there.on], [false, false])
    await here.add(one.client)
    const names = threads.asked.map(({ args }) => String(args[0]))
    assert.deepEqual(threads.kinds, ['0 monitor-begin', '0 monitor-end', '0 monitor-begin'])
    assert.equal(names[0], names[1])
    assert.notEqual(names[1], names[2])
  })

  it('is not begun for a client that left meanwhile', async () => {
    const threads = new Threads(2)
    const { client } = monitor()
    const begun = threads.all[0]!.add(client)
    client.gone = true
    await begun
    await threads.settle()
    assert.deepEqual(
      threads.all.map(({ on }) => on),
      [false, false]
    )
  })

  it('forgets a thread that died, in all threads', async () => {
    const threads = new Threads(3)
    await threads.all[0]!.add(monitor().client)
    threads.dead.add(0)
    threads.run(1, 'GET', 'a')
    await threads.settle()
    assert.deepEqual(threads.kinds, ['0 monitor-begin', '1 monitor-lines', '1 monitor-end'])
    assert.deepEqual([threads.all[1]!.on, threads.all[2]!.on], [false, false])
  })

  it('E12.2 has one batch on its way, and cuts monitors off whose thread does not take it', async () => {
    const threads = new Threads(2)
    const { client, shown } = monitor()
    const [here, there] = threads.all as [Monitors, Monitors]
    await here.add(client)
    threads.asked.length = 0
    let release = (): void => {}
    threads.held = new Promise<void>((resolve) => {
      release = resolve
    })
    threads.run(1, 'GET', 'first')
    await threads.settle()
    const large = 'x'.repeat(1024 * 1024)
    for (let line = 0; line < 8; line++) threads.run(1, 'GET', large)
    await threads.settle()
    assert.deepEqual(threads.kinds, ['1 monitor-lines'])
    assert.ok(there.on)
    threads.run(1, 'GET', 'one too many')
    assert.deepEqual(threads.kinds, ['1 monitor-lines', '1 monitor-end'])
    assert.ok(!there.on)
    release()
    await threads.settle()
    assert.deepEqual(shown(), [
      '[0 10.0.0.1:1] "GET" "first"',
      'its thread does not take what other threads have for it to be shown',
    ])
    assert.deepEqual(threads.kinds, ['1 monitor-lines', '1 monitor-end'])
  })
})
