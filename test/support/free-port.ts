import { createServer } from 'node:net'

/** Below the range from which systems take the ports of outgoing connections, and so are the bus ports. */
const FIRST = 11_000
const LAST = 21_999
const BUS_OFFSET = 10_000

/**
 * A port of 127.0.0.1 that nobody listens on, and whose cluster bus port (+10000) is free too. Somebody else may still
 * be faster: who listens on it must be ready to ask again.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
