import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lane, type LaneOwner } from '../../lib/cluster/lane.ts'
import { ProxyError } from '../../lib/errors.ts'
import { endOfTurn, Probe, ScriptedNetwork } from './scripted-socket.ts'

/** A node that lets its lane dial or not, and notes what it is told. */
class Owner implements LaneOwner {
  readonly name = 'node:1'
  status: LaneOwner['status'] = 'up'
  trouble: ProxyError | undefined
  may = true
  readonly told: string[] = []

  mayDial(): boolean {
    return this.may
  }

  reached(): void {
    this.told.push('reached')
  }

  refused(error: ProxyError): void {
    this.told.push(`refused: ${error.message}`)
  }

  lost(): void {
    this.told.push('lost')
  }
}

function make(): { lane: Lane; owner: Owner; network: ScriptedNetwork } {
  const owner = new Owner()
  const network = new ScriptedNetwork()
  return { lane: new Lane(owner, 10, network.setup), owner, network }
}

/** A lane whose connection is ready, after one request that was answered. */
async function open(): Promise<ReturnType<typeof make>> {
  const made = make()
  const { lane, network } = made
  lane.send(new Probe('x'))
  network.last.open()
  await endOfTurn()
  network.last.push('+OK\r\n')
  await endOfTurn()
  network.last.written()
  return made
}

test('the first request makes the lane dial, and all that wait go out in order when it is ready', async () => {
  const { lane, owner, network } = make()
  assert.equal(lane.connection, undefined)
  const probes = ['a', 'b', 'c'].map((text) => new Probe(text))
  for (const probe of probes) lane.send(probe)
  assert.equal(network.sockets.length, 1)
  assert.deepEqual([lane.waiting, lane.pending], [3, 3])
  network.last.open()
  await endOfTurn()
  assert.equal(network.last.written(), 'abc')
  assert.deepEqual([lane.waiting, lane.pending], [0, 3])
  assert.deepEqual([...lane.requests()], probes)
  assert.deepEqual(owner.told, ['reached'])
})

test('who sends much to a lane without a connection is told to pause, and when to go on', async () => {
  const { lane, network } = make()
  let resumed = 0
  assert.equal(lane.send(new Probe('123456789')), true)
  assert.equal(lane.send(new Probe('0')), false)
  lane.onceDrained(() => resumed++)
  lane.onceDrained(() => resumed++)
  assert.equal(resumed, 0)
  network.last.open()
  await endOfTurn()
  assert.equal(resumed, 2)
  assert.equal(lane.send(new Probe('1')), true)
})

test('who was paused goes on when the lane is given up as well', async () => {
  const { lane, network } = make()
  let resumed = 0
  lane.send(new Probe('1234567890'))
  lane.onceDrained(() => resumed++)
  network.last.emit('close')
  assert.equal(resumed, 1)
})

test('a congested connection pauses senders until it has drained', async () => {
  const { lane, network } = await open()
  network.last.stuck = true
  assert.equal(lane.send(new Probe('x'.repeat(2000))), true)
  await endOfTurn()
  assert.equal(lane.send(new Probe('x')), false)
  let resumed = 0
  lane.onceDrained(() => resumed++)
  network.last.unstick()
  await endOfTurn()
  assert.equal(resumed, 1)
})

test('a connection that was ready is replaced at once when it breaks, one that never was is not', async () => {
  const { lane, owner, network } = await open()
  network.last.emit('close')
  assert.equal(network.sockets.length, 2)
  assert.deepEqual(owner.told, ['reached', 'lost'])
  network.last.emit('error', new TypeError('refused'))
  assert.equal(network.sockets.length, 2)
  assert.deepEqual(owner.told, ['reached', 'lost', 'refused: node:1: refused'])
  assert.equal(lane.connection, undefined)
})

test('a connection that breaks early and without a reply counts as refused, a later one does not', async () => {
  for (const age of [999, 1000]) {
    const { lane, owner, network } = make()
    lane.send(new Probe('a'))
    network.last.open()
    await endOfTurn()
    network.clock.now += age
    network.last.emit('close')
    assert.equal(network.sockets.length, age < 1000 ? 1 : 2)
    assert.equal(owner.told[1], age < 1000 ? 'refused: node:1 closed the connection' : 'lost')
  }
})

test('while the node does not let it dial requests wait', async () => {
  const { lane, owner, network } = make()
  owner.may = false
  lane.send(new Probe('a'))
  lane.wake()
  assert.equal(network.sockets.length, 0)
  owner.may = true
  lane.wake()
  assert.equal(network.sockets.length, 1)
})

test('a lane that nobody waits for is not woken', () => {
  const { lane, network } = make()
  lane.wake()
  assert.equal(network.sockets.length, 0)
})

test('giving up tells all that wait, in order, that nothing was written', () => {
  const { lane, owner } = make()
  owner.may = false
  const told: Probe[] = []
  const probes = [new Probe('a', { told }), new Probe('b', { told })]
  for (const probe of probes) lane.send(probe)
  const error = new ProxyError('NODE_CONNECT', 'refused')
  lane.giveUp(error)
  assert.deepEqual(told, probes)
  for (const { lost } of probes) assert.deepEqual(lost, { error, written: false })
  assert.equal(lane.pending, 0)
})

test('what waits can be taken back', () => {
  const { lane } = make()
  const probe = new Probe('1234567890')
  lane.send(probe)
  assert.deepEqual(lane.recall(), [probe])
  assert.equal(lane.pending, 0)
  assert.equal(lane.send(new Probe('a')), true)
})

test('a retired lane answers what is in flight, then closes, and takes no more', async () => {
  const { lane, owner, network } = await open()
  const flying = new Probe('a')
  lane.send(flying)
  await endOfTurn()
  owner.status = 'retired'
  lane.retire()
  lane.check()
  assert.equal(network.last.destroyed, false)
  network.last.push('+OK\r\n')
  await endOfTurn()
  lane.check()
  assert.equal(flying.reply, '+OK\r\n')
  assert.ok(network.last.destroyed)
  const late = new Probe('b')
  assert.equal(lane.send(late), true)
  assert.equal(late.lost?.error.code, 'NODE_LOST')
  assert.equal(late.lost.written, false)
  assert.equal(network.sockets.length, 1)
})

test('a lane that is retired while it connects tells what waits', () => {
  const { lane, owner, network } = make()
  const waiting = new Probe('a')
  lane.send(waiting)
  owner.status = 'retired'
  lane.retire()
  assert.deepEqual([waiting.lost?.error.code, waiting.lost?.written], ['NODE_LOST', false])
  assert.ok(network.last.destroyed)
})

test('close ends everything at once', async () => {
  const { lane, owner, network } = await open()
  const flying = new Probe('a')
  lane.send(flying)
  await endOfTurn()
  lane.close()
  assert.deepEqual([flying.lost?.error.code, flying.lost?.written], ['CLOSED', true])
  assert.ok(network.last.destroyed)
  assert.deepEqual(owner.told, ['reached'])
})

test('a connection that is replaced still answers what is in flight on it', async () => {
  const { lane, network } = await open()
  const old = network.last
  const before = new Probe('a')
  lane.send(before)
  await endOfTurn()
  lane.replace()
  const after = new Probe('b')
  lane.send(after)
  network.last.open()
  await endOfTurn()
  assert.equal(network.sockets.length, 2)
  assert.equal(network.last.written(), 'b')
  assert.deepEqual([...lane.requests()], [before, after])
  assert.equal(lane.pending, 2)
  old.push('+1\r\n')
  await endOfTurn()
  assert.equal(before.reply, '+1\r\n')
  lane.check()
  assert.ok(old.destroyed)
  network.last.push('+2\r\n')
  await endOfTurn()
  assert.equal(after.reply, '+2\r\n')
})

test('failing a lane fails replaced connections too', async () => {
  const { lane, network } = await open()
  const before = new Probe('a')
  lane.send(before)
  await endOfTurn()
  const old = network.last
  lane.replace()
  const error = new ProxyError('NODE_LOST', 'it failed')
  lane.fail(error)
  assert.deepEqual(before.lost, { error, written: true })
  assert.ok(old.destroyed)
})

test('the longest silence of a lane counts', async () => {
  const { lane, network } = await open()
  lane.send(new Probe('a'))
  await endOfTurn()
  network.clock.now += 70
  lane.replace()
  network.last.open()
  await endOfTurn()
  lane.send(new Probe('b'))
  await endOfTurn()
  network.clock.now += 10
  assert.equal(lane.silence, 80)
})

test('what waits for a connection is given up when its time is over, and what does not goes out in order', async () => {
  const { lane, owner, network } = make()
  owner.status = 'down'
  owner.trouble = new ProxyError('NODE_CONNECT', 'refused')
  const told: Probe[] = []
  const probes = ['a', 'b', 'c', 'd'].map((text) => new Probe(text, { told }))
  const asked: boolean[] = []
  let over = ['b', 'd']
  for (const probe of probes) {
    lane.send(
      Object.assign(probe, {
        isOverdue: (down: boolean) => asked.push(down) > 0 && over.includes(String(probe.bytes)),
      })
    )
  }
  // What a request that is given up has sent again waits behind those that waited before.
  const again = new Probe('e')
  probes[1]!.onLost = () => void lane.send(again)
  lane.check()
  assert.deepEqual(asked, [true, true, true, true])
  assert.deepEqual(told, [probes[3]])
  assert.deepEqual(probes[3]!.lost, { error: owner.trouble, written: false })
  assert.equal(lane.waiting, 3)
  over = ['a']
  owner.status = 'unknown'
  owner.trouble = undefined
  lane.check()
  assert.match(probes[0]!.lost!.error.message, /no connection to node:1 yet/)
  network.last.open()
  await endOfTurn()
  assert.equal(network.last.written(), 'ce')
  lane.close()
})
