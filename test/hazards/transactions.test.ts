import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, type Stage, setStage, until } from './stage.ts'

const always = { times: Number.POSITIVE_INFINITY }
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n'

async function texts(client: RawClient, ...commands: string[]): Promise<string[]> {
  const frames = await client.pipeline(commands.map((each) => each.split(' ')))
  return frames.map(String)
}

/** What a node received that belongs to transactions, in order. */
function transactionsOf(node: FakeNode): string[] {
  return receivedBy(node, 'MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH', 'SET', 'INCR', 'ASKING')
}

/** Moves the first step of a slot: keys that are not there are asked for at the other node. */
function beginMove(stage: Stage, key: string): number {
  const slot = stage.cluster.slotOf(key)
  stage.cluster.setImporting(slot, 1)
  stage.cluster.setMigrating(slot, 1)
  return slot
}

describe('transactions', () => {
  it('E6.1 MULTI is answered at once, and sent with the first command that has a key', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[1]!
    const key = stage.keyOf(1)
    const client = await stage.client()
    assert.deepEqual(await texts(client, 'MULTI', 'PING'), ['+OK\r\n', '+QUEUED\r\n'])
    assert.deepEqual(transactionsOf(node), [])
    assert.deepEqual(await texts(client, `INCR ${key}`, 'ECHO x', 'EXEC'), [
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      '*3\r\n+PONG\r\n:1\r\n$1\r\nx\r\n',
    ])
    assert.deepEqual(transactionsOf(node), ['MULTI', `INCR ${key}`, 'EXEC'])
    assert.deepEqual(transactionsOf(stage.cluster.nodes[0]!), [])
  })

  it('E6.1 E6.14 without any key a transaction runs on some master, and an empty one nowhere', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    assert.deepEqual(await texts(client, 'MULTI', 'PING', 'EXEC', 'MULTI', 'EXEC'), [
      '+OK\r\n',
      '+QUEUED\r\n',
      '*1\r\n+PONG\r\n',
      '+OK\r\n',
      '*0\r\n',
    ])
  })

  it('E6.2 commands of other clients never get into a transaction', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const [one, other] = await stage.clients(2)
    assert.deepEqual(await texts(one!, 'MULTI', `SET ${key} a`), ['+OK\r\n', '+QUEUED\r\n'])
    assert.equal(String(await other!.call('SET', key, 'b')), '+OK\r\n')
    assert.equal(String(await one!.call('EXEC')), '*1\r\n+OK\r\n')
    assert.equal(await other!.ask('GET', key), 'a')
  })

  it('E6.3 keys of two slots are refused when they are queued, and EXEC after that', async () => {
    await using stage = await setStage({ options: { crossSlot: 'gather' } })
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    const client = await stage.client()
    const refused = "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
    assert.deepEqual(await texts(client, 'MULTI', `SET ${a} 1`, `SET ${b} 1`, 'EXEC', `GET ${a}`), [
      '+OK\r\n',
      '+QUEUED\r\n',
      refused,
      ABORTED,
      '$-1\r\n',
    ])
    assert.deepEqual(await texts(client, 'MULTI', `MGET ${a} ${b}`, 'EXEC'), [
      '+OK\r\n',
      refused,
      ABORTED,
    ])
  })

  it('E6.4 E6.15 what is refused at queueing time makes EXEC fail, in the words of the server', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const client = await stage.client()
    const replies = await texts(client, 'MULTI', `SET ${key}`, `SET ${key} 1`, 'EXEC', 'EXEC')
    assert.deepEqual(replies, [
      '+OK\r\n',
      "-ERR wrong number of arguments for 'set' command\r\n",
      '+QUEUED\r\n',
      ABORTED,
      '-ERR EXEC without MULTI\r\n',
    ])
    const unknown = await texts(client, 'MULTI', 'NOSUCH', 'EXEC')
    assert.match(unknown[1]!, /^-ERR unknown command/)
    assert.equal(unknown[2], ABORTED)
    assert.deepEqual((await texts(client, 'MULTI', 'EXEC now')).slice(1), [
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n",
    ])
    const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    node.answer('SET', oom)
    assert.deepEqual(await texts(client, 'MULTI', `SET ${key} 1`, `INCR ${key}`, 'DISCARD'), [
      '+OK\r\n',
      oom,
      '+QUEUED\r\n',
      '+OK\r\n',
    ])
    node.answer('SET', oom)
    await texts(client, 'MULTI', `SET ${key} 1`)
    assert.equal(String(await client.call('EXEC')), ABORTED)
  })

  it('E6.2 what a user queues who may not begin a transaction is carried out neither once nor often', async () => {
    await using stage = await setStage({ options: { privatePoolSize: 1, privatePoolMinSize: 1 } })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const client = await stage.client()
    const noperm = "-NOPERM this user has no permissions to run the 'multi' command\r\n"
    node.answer('MULTI', noperm, { times: 1 })
    assert.deepEqual(await texts(client, 'MULTI', `INCR ${key}`, 'EXEC', `GET ${key}`), [
      '+OK\r\n',
      noperm,
      ABORTED,
      '$-1\r\n',
    ])
    assert.equal((await texts(client, 'MULTI', `INCR ${key}`, 'EXEC')).at(-1), '*1\r\n:1\r\n')
    // A connection that took MULTI before is trusted to take it again.
    node.answer('MULTI', noperm, { times: 1 })
    const replies = await texts(client, 'MULTI', `INCR ${key}`, 'EXEC', `GET ${key}`)
    assert.match(replies[1]!, /^-UNCERTAIN .*NOPERM/)
    assert.match(replies[2]!, /^-UNCERTAIN /)
    assert.equal(replies[3], '$1\r\n2\r\n')
  })

  it('E6.4 an error at execution stays among the replies, and the others run', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    const replies = await texts(
      client,
      `SET ${key} x`,
      'MULTI',
      `INCR ${key}`,
      `GET ${key}`,
      'EXEC'
    )
    assert.equal(
      replies.at(-1),
      '*2\r\n-ERR value is not an integer or out of range\r\n$1\r\nx\r\n'
    )
  })

  it('E6.5 E6.14 a watched key that was changed makes EXEC nil, in both protocols', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const [client, other] = await stage.clients(2)
    assert.deepEqual(await texts(client!, `WATCH ${key}`), ['+OK\r\n'])
    await other!.call('SET', key, '1')
    assert.deepEqual((await texts(client!, 'MULTI', `SET ${key} 2`, 'EXEC')).at(-1), '*-1\r\n')
    await client!.call('HELLO', '3')
    await client!.call('WATCH', key)
    await other!.call('SET', key, '1')
    assert.deepEqual((await texts(client!, 'MULTI', `SET ${key} 2`, 'EXEC')).at(-1), '_\r\n')
    assert.deepEqual(
      (await texts(client!, `WATCH ${key}`, 'MULTI', `SET ${key} 2`, 'EXEC')).at(-1),
      '*1\r\n+OK\r\n'
    )
  })

  it('E6.5 UNWATCH forgets, and WATCH keeps to one slot and out of MULTI', async () => {
    await using stage = await setStage()
    const [key, elsewhere] = stage.keysOf(0, 2)
    const [client, other] = await stage.clients(2)
    assert.deepEqual(await texts(client!, 'UNWATCH', `WATCH ${key}`, `WATCH ${elsewhere}`), [
      '+OK\r\n',
      '+OK\r\n',
      "-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    ])
    await other!.call('SET', key!, '1')
    const replies = await texts(client!, 'UNWATCH', 'MULTI', `WATCH ${key}`, `GET ${key}`, 'EXEC')
    assert.deepEqual(replies.slice(2), [
      '-ERR WATCH inside MULTI is not allowed\r\n',
      '+QUEUED\r\n',
      '*1\r\n$1\r\n1\r\n',
    ])
  })

  it('E6.6 MULTI within MULTI, and EXEC and DISCARD without, are answered by the proxy', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    assert.deepEqual(await texts(client, 'EXEC', 'DISCARD', 'MULTI', 'MULTI', 'DISCARD'), [
      '-ERR EXEC without MULTI\r\n',
      '-ERR DISCARD without MULTI\r\n',
      '+OK\r\n',
      '-ERR MULTI calls can not be nested\r\n',
      '+OK\r\n',
    ])
  })

  it('E6.7 MOVED on a queued command has all queued again at the right node, unseen', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    assert.equal((await texts(client, 'MULTI', `INCR ${key}`)).at(-1), '+QUEUED\r\n')
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    assert.deepEqual(await texts(client, `SET ${key} 1`, 'EXEC'), [
      '+QUEUED\r\n',
      '*2\r\n:1\r\n+OK\r\n',
    ])
    assert.deepEqual(transactionsOf(stage.cluster.nodes[1]!), [
      'MULTI',
      `INCR ${key}`,
      `SET ${key} 1`,
      'EXEC',
    ])
  })

  it('E6.7 MOVED on EXEC has all queued again at the right node, unseen', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    await texts(client, 'MULTI', `INCR ${key}`)
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    assert.equal(String(await client.call('EXEC')), '*1\r\n:1\r\n')
    assert.equal(await client.ask('GET', key), '1')
  })

  it('E6.7 ASK has ASKING go before MULTI', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    beginMove(stage, key)
    const client = await stage.client()
    assert.equal(
      (await texts(client, 'MULTI', `INCR ${key}`, `INCR ${key}`, 'EXEC')).at(-1),
      '*2\r\n:1\r\n:2\r\n'
    )
    const got = transactionsOf(stage.cluster.nodes[1]!)
    assert.deepEqual(got.slice(0, 2), ['ASKING', 'MULTI'])
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E6.7 with WATCH a redirect makes EXEC nil, and no MOVED is seen', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    await texts(client, `WATCH ${key}`, 'MULTI')
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    assert.deepEqual(await texts(client, `SET ${key} 1`, 'EXEC', `GET ${key}`), [
      '+QUEUED\r\n',
      '*-1\r\n',
      '$-1\r\n',
    ])
    assert.equal(
      (await texts(client, `WATCH ${key}`, 'MULTI', `SET ${key} 2`, 'EXEC')).at(-1),
      '*1\r\n+OK\r\n'
    )
  })

  it('E6.8 TRYAGAIN on EXEC has it tried again', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    node.answer('EXEC', '-TRYAGAIN Multiple keys request during rehashing of slot\r\n', {
      times: 2,
      close: true,
    })
    const client = await stage.client()
    assert.equal((await texts(client, 'MULTI', `INCR ${key}`, 'EXEC')).at(-1), '*1\r\n:1\r\n')
    assert.equal(receivedBy(node, 'EXEC').length, 3)
  })

  it('E6.9 a connection that is lost before EXEC is made up for; with WATCH, EXEC is nil', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const client = await stage.client()
    await texts(client, 'MULTI', `INCR ${key}`)
    node.connections.kill()
    assert.equal(String(await client.call('INCR', key)), '+QUEUED\r\n')
    assert.equal(String(await client.call('EXEC')), '*2\r\n:1\r\n:2\r\n')
    await texts(client, `WATCH ${key}`, 'MULTI', `INCR ${key}`)
    node.connections.kill()
    assert.equal(String(await client.call('INCR', key)), '+QUEUED\r\n')
    assert.equal(String(await client.call('EXEC')), '*-1\r\n')
    assert.equal(await client.ask('GET', key), '2')
  })

  it('E6.9 a connection that is lost after EXEC was written leaves the outcome open, and nothing is sent twice', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    node.dropConnections({ when: 'EXEC', after: 'execution' })
    const client = await stage.client()
    const replies = await texts(client, 'MULTI', `INCR ${key}`, 'EXEC', `GET ${key}`)
    assert.match(replies[2]!, /^-UNCERTAIN /)
    assert.equal(replies[3], '$1\r\n1\r\n')
    assert.equal(receivedBy(node, 'EXEC').length, 1)
  })

  it('E6.10 a client that leaves within MULTI or WATCH takes nothing along: the next one finds a clean connection', async () => {
    await using stage = await setStage({ options: { maxPrivateConnections: 1 } })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    for (const commands of [['MULTI', `INCR ${key}`], [`WATCH ${key}`]]) {
      const gone = await stage.client()
      await texts(gone, ...commands)
      const cleaned = node.waitFor(({ 0: name }) => name === 'DISCARD' || name === 'UNWATCH')
      await gone.end()
      await cleaned
    }
    const client = await stage.client()
    await (await stage.client()).call('SET', key, '5')
    assert.equal((await texts(client, 'MULTI', `INCR ${key}`, 'EXEC')).at(-1), '*1\r\n:6\r\n')
  })

  it('E6.11 what changes the connection is refused within MULTI, and blocking commands do not block', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    const refused = '-ERR Command not allowed inside a transaction\r\n'
    const commands = ['HELLO 3', 'AUTH x', 'CLIENT REPLY OFF', 'CLIENT TRACKING ON', 'DBSIZE']
    for (const command of [...commands, 'CLIENT CACHING YES', 'FLUSHALL']) {
      assert.deepEqual(await texts(client, 'MULTI', command, 'EXEC'), ['+OK\r\n', refused, ABORTED])
    }
    assert.equal((await texts(client, 'MULTI', 'SUBSCRIBE x', 'EXEC')).at(-1), ABORTED)
    assert.equal((await texts(client, 'MULTI', `BLPOP ${key} 0`, 'EXEC')).at(-1), '*1\r\n*-1\r\n')
  })

  it('E6.4 a subcommand that there is none of makes EXEC fail, whoever would answer it', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    for (const name of ['CLIENT', 'CONFIG', 'CLUSTER', 'COMMAND', 'PUBSUB']) {
      const refused = `-ERR unknown subcommand 'FOO'. Try ${name} HELP.\r\n`
      const replies = await texts(client, 'MULTI', `${name} FOO`, 'EXEC')
      assert.deepEqual(replies.slice(1), [refused, ABORTED])
    }
    assert.deepEqual((await texts(client, 'MULTI', 'COMMAND', 'EXEC'))[1], '+QUEUED\r\n')
  })

  it('E6.12 commands that the proxy answers are queued, and answered at their place', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    const id = await client.ask('CLIENT', 'ID')
    const replies = await texts(client, 'MULTI', 'CLIENT ID', `INCR ${key}`, 'SELECT 0', 'EXEC')
    assert.deepEqual(replies.slice(1), [
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      `*3\r\n:${id}\r\n:1\r\n+OK\r\n`,
    ])
    await texts(client, 'MULTI', 'CLIENT INFO')
    assert.match(String(await client.call('EXEC')), /^\*1\r\n\$\d+\r\nid=/)
  })

  it('E6.13 who waits for a private connection in vain is told so, and the next in line gets the one that is free', async () => {
    await using stage = await setStage({ options: { maxPrivateConnections: 1, privateWait: 200 } })
    const key = stage.keyOf(0)
    const [one, two, three] = await stage.clients(3)
    await texts(one!, 'MULTI', `INCR ${key}`)
    const replies = await texts(two!, 'MULTI', `INCR ${key}`, 'EXEC')
    assert.equal(
      replies[1],
      `-ERR no private connection to ${stage.name(0)} became free within 200 ms\r\n`
    )
    assert.equal(replies[2], ABORTED)
    const waiting = texts(three!, 'MULTI', `INCR ${key}`, 'EXEC')
    assert.equal(String(await one!.call('EXEC')), '*1\r\n:1\r\n')
    assert.equal((await waiting).at(-1), '*1\r\n:2\r\n')
  })

  it('E6.13 an idle transaction lets go of its connection; MULTI goes on, WATCH is lost', async () => {
    await using stage = await setStage({
      options: { transactionIdleTimeout: 100, maxPrivateConnections: 1 },
    })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    const [idle, other] = await stage.clients(2)
    await texts(idle!, 'MULTI', `INCR ${key}`)
    await node.waitFor('DISCARD')
    assert.equal((await texts(other!, 'MULTI', `INCR ${key}`, 'EXEC')).at(-1), '*1\r\n:1\r\n')
    assert.equal(String(await idle!.call('EXEC')), '*1\r\n:2\r\n')
    await texts(idle!, `WATCH ${key}`)
    await node.waitFor('UNWATCH')
    assert.equal((await texts(idle!, 'MULTI', `INCR ${key}`, 'EXEC')).at(-1), '*-1\r\n')
  })

  it('E6.16 E1.6 a transaction begins after what its client sent before, and ends before what it sends after', async () => {
    await using stage = await setStage({ wired: true })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    const client = await stage.client()
    const wire = stage.wire(0)
    const held = wire.hold('SET')
    const replies = texts(client, `SET ${key} 1`, 'MULTI', `INCR ${key}`, 'EXEC', `GET ${key}`)
    await held
    assert.deepEqual(receivedBy(node, 'INCR', 'GET'), [])
    wire.release()
    assert.deepEqual(await replies, [
      '+OK\r\n',
      '+OK\r\n',
      '+QUEUED\r\n',
      '*1\r\n:2\r\n',
      '$1\r\n2\r\n',
    ])
  })

  it('E6.16 E1.6 what its client wrote after WATCH is executed before EXEC, which it makes nil', async () => {
    await using stage = await setStage({ wired: true })
    const client = await stage.client()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    for (const queued of [['GET', key], undefined]) {
      node.received.length = 0
      await client.ask('WATCH', key)
      const held = stage.wire(0).hold('SET')
      const frames = client.pipeline([
        ['SET', key, 'x'],
        ['MULTI'],
        ...(queued === undefined ? [] : [queued]),
        ['EXEC'],
      ])
      await held
      assert.deepEqual(receivedBy(node, 'MULTI', 'EXEC'), [])
      stage.wire(0).release()
      assert.equal(String((await frames).at(-1)), '*-1\r\n')
    }
  })

  it('E6.4 an EXEC that is refused itself says why, and gives up the transaction and the watch', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    const wrong = "wrong number of arguments for 'exec' command"
    const refused = `-EXECABORT Transaction discarded because of: ${wrong}\r\n`
    assert.deepEqual(await texts(client, 'EXEC x', `WATCH ${key}`, 'EXEC x'), [
      refused,
      '+OK\r\n',
      refused,
    ])
    await (await stage.client()).call('SET', key, '1')
    assert.equal((await texts(client, 'MULTI', `GET ${key}`, 'EXEC')).at(-1), '*1\r\n$1\r\n1\r\n')
    const replies = await texts(client, 'MULTI', `GET ${key}`, 'EXEC x', 'EXEC')
    assert.deepEqual(replies.slice(2), [refused, '-ERR EXEC without MULTI\r\n'])
    await client.call('SUBSCRIBE', 'c')
    assert.match(
      String(await client.call('EXEC')),
      /^-EXECABORT Transaction discarded because of: Can't execute 'exec': only /
    )
  })

  it('E6.5 a watch that is lost binds nobody to its slot', async () => {
    await using stage = await setStage({ options: { transactionIdleTimeout: 100 } })
    const [key, other] = stage.keysOf(0, 2)
    const elsewhere = stage.keyOf(1)
    const client = await stage.client()
    await texts(client, `WATCH ${key}`)
    await stage.cluster.nodes[0]!.waitFor('UNWATCH')
    assert.deepEqual(
      await texts(
        client,
        `WATCH ${other}`,
        `WATCH ${elsewhere}`,
        'MULTI',
        `GET ${elsewhere}`,
        'EXEC'
      ),
      ['+OK\r\n', '+OK\r\n', '+OK\r\n', '+QUEUED\r\n', '*-1\r\n']
    )
    assert.equal((await texts(client, 'MULTI', `GET ${elsewhere}`, 'EXEC')).at(-1), '*1\r\n$-1\r\n')
  })

  it('RESET leaves a transaction and what it watched, and QUIT ends the connection', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    assert.deepEqual(
      await texts(client, `WATCH ${key}`, 'MULTI', `INCR ${key}`, 'RESET', 'EXEC', `GET ${key}`),
      ['+OK\r\n', '+OK\r\n', '+QUEUED\r\n', '+RESET\r\n', '-ERR EXEC without MULTI\r\n', '$-1\r\n']
    )
    assert.deepEqual(await texts(client, 'MULTI', `INCR ${key}`, 'QUIT'), [
      '+OK\r\n',
      '+QUEUED\r\n',
      '+OK\r\n',
    ])
    await client.closed
  })

  it('RESET in the pipeline of a transaction that has not begun ends it, and all are answered', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    assert.deepEqual(await texts(client, `GET ${key}`, 'MULTI', `SET ${key} v`, 'RESET'), [
      '$-1\r\n',
      '+OK\r\n',
      '+QUEUED\r\n',
      '+RESET\r\n',
    ])
    assert.equal(await client.ask('GET', key), null)
  })

  it('HELLO of another version loses the watch, and EXEC answers in the new one', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    await client.pipeline([
      ['HSET', key, 'a', '1'],
      ['WATCH', key],
      ['HELLO', '3'],
    ])
    assert.equal((await texts(client, 'MULTI', `HGETALL ${key}`, 'EXEC')).at(-1), '_\r\n')
    const replies = await texts(client, `WATCH ${key}`, 'MULTI', `HGETALL ${key}`, 'EXEC')
    assert.equal(replies.at(-1), '*1\r\n%1\r\n$1\r\na\r\n$1\r\n1\r\n')
  })

  it('what EXEC runs in the proxy itself takes effect at once', async () => {
    await using stage = await setStage({ cluster: { masters: 2, replicas: 1 } })
    const key = stage.keyOf(0)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key))
    const client = await stage.client()
    await texts(client, 'MULTI', 'READONLY', 'EXEC')
    // What is next needs no command of the proxy's own to begin with.
    for (let i = 0; i < 3; i++) await replica!.waitFor('INFO')
    assert.equal(await client.ask('GET', key), null)
    assert.deepEqual(receivedBy(replica!, 'GET'), [`GET ${key}`])
  })

  it('a thousand transactions take no more connections than there are clients at a time', async () => {
    await using stage = await setStage({ options: { privatePoolSize: 4, privatePoolMinSize: 0 } })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    let connects = 0
    node.on('connect', () => connects++)
    const clients = await stage.clients(4)
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 250; i++) await texts(client, 'MULTI', `INCR ${key}`, 'EXEC')
      })
    )
    assert.equal(await clients[0]!.ask('GET', key), '1000')
    assert.ok(connects <= 8, `${connects} connections`)
  })

  it('a node that cannot be reached makes EXEC fail in time', async () => {
    await using stage = await setStage({ options: { retryBudget: 200 } })
    const downs = stage.record('nodeDown')
    const key = stage.keyOf(0)
    const client = await stage.client()
    await stage.cluster.nodes[0]!.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const replies = await texts(client, 'MULTI', `INCR ${key}`, 'EXEC')
    assert.match(replies[1]!, /^-CLUSTERDOWN the node cannot be reached: /)
    assert.equal(replies[2], ABORTED)
  })

  it('E2.3 two nodes that send a transaction to each other for ever end in an error', async () => {
    await using stage = await setStage({ options: { maxRedirects: 5 } })
    const [first, second] = stage.cluster.nodes
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    first!.answer('INCR', `-MOVED ${slot} ${second!.address}\r\n`, always)
    second!.answer('INCR', `-MOVED ${slot} ${first!.address}\r\n`, always)
    const client = await stage.client()
    const replies = await texts(client, 'MULTI', `INCR ${key}`)
    assert.match(replies[1]!, /^-ERR Too many cluster redirections\. Last: MOVED /)
    assert.equal(String(await client.call('EXEC')), ABORTED)
  })
})
