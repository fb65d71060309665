import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Connection, type ConnectionEvents } from '../../lib/cluster/connection.ts'
import { ProxyError } from '../../lib/errors.ts'
import { endOfTurn, Probe, ScriptedNetwork, type ScriptedSocket } from './scripted-socket.ts'

/** A connection and all that it told. */
interface Watched {
  readonly connection: Connection
  readonly socket: ScriptedSocket
  readonly network: ScriptedNetwork
  readonly told: string[]
  readonly errors: ProxyError[]
}

function watch(network: ScriptedNetwork = new ScriptedNetwork()): Watched {
  const told: string[] = []
  const errors: ProxyError[] = []
  const events: ConnectionEvents = {
    onReady: () => told.push('ready'),
    onClosed: (error) => {
      told.push('closed')
      errors.push(error)
    },
    onDrain: () => told.push('drain'),
    onPush: (buffer, start, end) => told.push(buffer.toString('latin1', start, end)),
  }
  const connection = new Connection(network.setup(), events)
  return { connection, socket: network.last, network, told, errors }
}

/** A connection that is ready. */
function ready(network?: ScriptedNetwork): Watched {
  const watched = watch(network)
  watched.socket.open()
  return watched
}

async function readyNow(network?: ScriptedNetwork): Promise<Watched> {
  const watched = ready(network)
  await endOfTurn()
  assert.equal(watched.connection.state, 'ready')
  return watched
}

test('a connection without a greeting is ready when the socket is open', async () => {
  const { connection, socket, told } = watch()
  assert.equal(connection.state, 'connecting')
  socket.open()
  await endOfTurn()
  assert.equal(connection.state, 'ready')
  assert.deepEqual(told, ['ready'])
  assert.equal(socket.written(), '')
})

test('a greeting goes out in one write, and each of its commands wants a reply that is no error', async () => {
  const network = new ScriptedNetwork()
  network.greeting = () => [Buffer.from('AUTH x\r\n'), Buffer.from('READONLY\r\n')]
  const { connection, socket, told } = ready(network)
  await endOfTurn()
  assert.deepEqual(socket.writes, ['AUTH x\r\nREADONLY\r\n'])
  assert.equal(connection.state, 'greeting')
  socket.push('+OK\r\n+O')
  await endOfTurn()
  assert.deepEqual(told, [])
  socket.push('K\r\n')
  await endOfTurn()
  assert.deepEqual(told, ['ready'])
})

test('a greeting that is refused ends the connection with the reason', async () => {
  const network = new ScriptedNetwork()
  network.greeting = () => Promise.resolve([Buffer.from('AUTH x\r\n')])
  const { connection, socket, errors } = ready(network)
  await endOfTurn()
  socket.push('-WRONGPASS invalid username-password pair or user is disabled.\r\n')
  await endOfTurn()
  assert.equal(connection.state, 'closed')
  assert.equal(errors[0]?.code, 'NODE_CONNECT')
  assert.equal(
    errors[0].message,
    'node:1 refused the proxy: WRONGPASS invalid username-password pair or user is disabled.'
  )
  assert.ok(socket.destroyed)
})

test('a server that has no password lets the proxy in with one', async () => {
  for (const text of [
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    'ERR Client sent AUTH, but no password is set',
  ]) {
    const network = new ScriptedNetwork()
    network.greeting = () => [Buffer.from('AUTH x\r\n')]
    const { connection, socket } = ready(network)
    await endOfTurn()
    socket.push(`-${text}\r\n`)
    await endOfTurn()
    assert.equal(connection.state, 'ready')
  }
})

test('a greeting that cannot be had ends the connection with the reason', async () => {
  const network = new ScriptedNetwork()
  network.greeting = () => Promise.reject(new TypeError('no password'))
  const { errors } = ready(network)
  await endOfTurn()
  assert.deepEqual([errors[0]?.code, errors[0]?.message], ['NODE_CONNECT', 'node:1: no password'])
})

test('a node that talks before it was asked is not trusted', async () => {
  const network = new ScriptedNetwork()
  network.greeting = () => new Promise(() => {})
  const { errors, socket } = ready(network)
  socket.push('+OK\r\n')
  await endOfTurn()
  assert.equal(errors[0]?.code, 'NODE_PROTOCOL')
})

test('requests of one turn go out in one write, and replies belong to them in order', async () => {
  const { connection, socket } = await readyNow()
  const probes = ['a', 'b', 'c'].map((text) => new Probe(text))
  for (const probe of probes) connection.send(probe)
  assert.equal(connection.inFlight, 3)
  assert.deepEqual([...connection.requests()], probes)
  await endOfTurn()
  assert.deepEqual(socket.writes, ['abc'])
  socket.push('+1\r\n$1\r\n')
  socket.push('2\r\n:3\r\n')
  await endOfTurn()
  assert.deepEqual(
    probes.map(({ reply }) => reply),
    ['+1\r\n', '$1\r\n2\r\n', ':3\r\n']
  )
  assert.equal(connection.inFlight, 0)
})

test('ASKING goes right before its command, and its reply is swallowed', async () => {
  const { connection, socket } = await readyNow()
  const probes = [new Probe('a'), new Probe('b', { asking: true }), new Probe('c')]
  for (const probe of probes) connection.send(probe)
  await endOfTurn()
  assert.deepEqual(socket.writes, ['a*1\r\n$6\r\nASKING\r\nbc'])
  socket.push('+1\r\n+OK\r\n+2\r\n+3\r\n')
  await endOfTurn()
  assert.deepEqual(
    probes.map(({ reply }) => reply),
    ['+1\r\n', '+2\r\n', '+3\r\n']
  )
})

test('a push is handed on and answers nothing', async () => {
  const { connection, socket, told } = await readyNow()
  const probe = new Probe('a')
  connection.send(probe)
  await endOfTurn()
  socket.push('>1\r\n+x\r\n')
  socket.push('+OK\r\n>1\r\n+y\r\n')
  await endOfTurn()
  assert.equal(probe.reply, '+OK\r\n')
  assert.deepEqual(told, ['ready', '>1\r\n+x\r\n', '>1\r\n+y\r\n'])
})

test('a reply that nobody asked for closes the connection', async () => {
  const { connection, socket, errors } = await readyNow()
  const probe = new Probe('a')
  connection.send(probe)
  await endOfTurn()
  socket.push('+1\r\n+2\r\n')
  await endOfTurn()
  assert.equal(probe.reply, '+1\r\n')
  assert.equal(connection.state, 'closed')
  assert.equal(errors[0]?.code, 'NODE_PROTOCOL')
  assert.equal(errors[0].message, 'node:1 sent a reply that nobody asked for')
})

test('a reply cannot belong to a request that was not written yet', async () => {
  const { connection, socket, errors } = await readyNow()
  const probe = new Probe('a')
  connection.send(probe)
  // Read in the same turn, at whose end the batch would be written.
  socket.emit('data', Buffer.from('+1\r\n'))
  assert.equal(errors[0]?.code, 'NODE_PROTOCOL')
  assert.equal(probe.reply, undefined)
  assert.deepEqual(probe.lost, { error: errors[0], written: false })
})

test('bytes that are no RESP close the connection, and say which', async () => {
  const { connection, socket, errors } = await readyNow()
  const probe = new Probe('a')
  connection.send(probe)
  await endOfTurn()
  socket.push('HTTP/1.1 400\r\n')
  await endOfTurn()
  assert.equal(errors[0]?.code, 'NODE_PROTOCOL')
  assert.deepEqual(probe.lost, { error: errors[0], written: true })
  assert.ok(socket.destroyed)
})

test('silence with something in flight closes the connection, silence without does not', async () => {
  const { connection, socket, network, errors } = await readyNow()
  const { clock } = network
  clock.now += 10_000
  connection.check()
  assert.equal(connection.state, 'ready')
  const first = new Probe('a')
  connection.send(first)
  await endOfTurn()
  clock.now += 200
  connection.check()
  assert.equal(connection.silence, 200)
  socket.push('+part')
  await endOfTurn()
  assert.equal(connection.silence, 0)
  clock.now += 200
  connection.check()
  assert.equal(connection.state, 'ready')
  clock.now += 1
  connection.check()
  assert.equal(connection.state, 'closed')
  assert.equal(errors[0]?.code, 'NODE_TIMEOUT')
  assert.equal(errors[0].message, 'node:1 was silent for 200 ms')
  assert.deepEqual(first.lost, { error: errors[0], written: true })
})

test('a connection that is not ready in time is given up, wherever it hangs', async () => {
  for (const open of [false, true]) {
    const network = new ScriptedNetwork()
    network.greeting = () => [Buffer.from('HELLO\r\n')]
    const { connection, socket, errors } = watch(network)
    if (open) socket.open()
    await endOfTurn()
    network.clock.now += 100
    connection.check()
    assert.equal(errors.length, 0)
    network.clock.now += 1
    connection.check()
    assert.deepEqual(
      [errors[0]?.code, errors[0]?.message],
      ['NODE_CONNECT', 'node:1 did not answer within 100 ms']
    )
    assert.equal(connection.connected, open)
  }
})

test('when the node hangs up each request is told once, newest first, and whether it was written', async () => {
  const { connection, socket, errors } = await readyNow()
  const told: Probe[] = []
  const written = [new Probe('a', { told }), new Probe('b', { told })]
  for (const probe of written) connection.send(probe)
  await endOfTurn()
  const unwritten = new Probe('c', { told })
  connection.send(unwritten)
  socket.emit('close')
  assert.equal(errors[0]?.code, 'NODE_LOST')
  assert.equal(errors[0].message, 'node:1 closed the connection')
  assert.deepEqual(told, [unwritten, written[1], written[0]])
  assert.deepEqual(
    told.map(({ lost }) => lost?.written),
    [false, true, true]
  )
  socket.emit('close')
  assert.equal(errors.length, 1)
  await endOfTurn()
  assert.equal(socket.written(), 'ab')
})

test('a socket error is told by its code when it has no text', async () => {
  const { socket, errors } = watch()
  const cause = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' })
  socket.emit('error', cause)
  assert.deepEqual(
    [errors[0]?.code, errors[0]?.message, errors[0]?.cause],
    ['NODE_CONNECT', 'node:1: ECONNREFUSED', cause]
  )
})

test('an error of a connection that was ready says that it is lost', async () => {
  const { socket, errors } = await readyNow()
  socket.emit('error', new TypeError('read ECONNRESET'))
  assert.deepEqual([errors[0]?.code, errors[0]?.message], ['NODE_LOST', 'node:1: read ECONNRESET'])
})

test('close tells the requests and not the owner', async () => {
  const { connection, socket, told } = await readyNow()
  const probe = new Probe('a')
  connection.send(probe)
  connection.close()
  connection.close()
  assert.equal(probe.lost?.error.code, 'CLOSED')
  assert.equal(probe.lost.written, false)
  assert.deepEqual(told, ['ready'])
  assert.ok(socket.destroyed)
  await endOfTurn()
  assert.equal(socket.written(), '')
})

test('fail ends the connection with the reason that is given', async () => {
  const { connection, errors } = await readyNow()
  const error = new ProxyError('NODE_LOST', 'the cluster says that it failed')
  connection.fail(error)
  assert.deepEqual(errors, [error])
})

test('a connection is congested from outputPause on until the socket has drained', async () => {
  const { connection, socket, told } = await readyNow()
  socket.stuck = true
  connection.send(new Probe('x'.repeat(1000)))
  await endOfTurn()
  assert.equal(connection.congested, false)
  connection.send(new Probe('x'))
  await endOfTurn()
  assert.equal(connection.congested, true)
  socket.unstick()
  await endOfTurn()
  assert.equal(connection.congested, false)
  assert.deepEqual(told, ['ready', 'drain'])
})

test('a socket that will not say when it has drained is never taken for congested', async () => {
  const network = new ScriptedNetwork()
  network.highWaterMark = 16_384
  const { connection, socket } = await readyNow(network)
  socket.stuck = true
  connection.send(new Probe('x'.repeat(2000)))
  await endOfTurn()
  assert.equal(connection.congested, false)
})

test('a long reply that is not wanted any more is not kept, and the next one is whole', async () => {
  const { connection, socket, told } = await readyNow()
  const weighed: number[] = []
  const long = Object.assign(new Probe('KEYS *\r\n'), {
    onProgress(bytes: number): boolean {
      weighed.push(bytes)
      return bytes > 300_000
    },
  })
  const next = new Probe('PING\r\n')
  connection.send(long)
  connection.send(next)
  await endOfTurn()
  const item = `$1000\r\n${'-'.repeat(1000)}\r\n`
  socket.push(`*1000\r\n${item.repeat(290)}`)
  await endOfTurn()
  socket.push(item.repeat(10))
  await endOfTurn()
  assert.ok(weighed.at(-1)! > 300_000)
  const { length } = weighed
  // An error among what is dropped is nobody's.
  socket.push(`${item.repeat(699)}-MOVED 1 127.0.0.1:1\r\n+PONG\r\n`)
  await endOfTurn()
  assert.equal(weighed.length, length)
  assert.equal(long.reply, '$-1\r\n')
  assert.equal(next.reply, '+PONG\r\n')
  assert.deepEqual(told, ['ready'])
})
