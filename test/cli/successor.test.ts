import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { areServed } from '../../lib/cli/successor.ts'

async function listening(onConnection: (socket: net.Socket) => void) {
  const server = createServer(onConnection).listen(0)
  await once(server, 'listening')
  return {
    address: server.address() as AddressInfo,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}

test('who answers, whatever it is, serves; who is silent or not there does not', async () => {
  await using answering = await listening((socket) => void socket.end('-NOAUTH\r\n'))
  await using refusing = await listening((socket) => void socket.end())
  await using silent = await listening((socket) => void socket.on('error', () => {}).resume())
  const nobody = { ...answering.address, address: '127.0.0.1', port: 1 }
  assert.equal(await areServed([answering.address, refusing.address]), true)
  assert.equal(await areServed([{ ...answering.address, address: '0.0.0.0' }]), true)
  assert.equal(await areServed([answering.address, silent.address]), false)
  assert.equal(await areServed([nobody]), false)
  assert.equal(await areServed([]), false)
})
