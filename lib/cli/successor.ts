import net from 'node:net'

/** Milliseconds in which somebody who serves an address answers. */
const ANSWER_TIME = 500
/** Where to connect to who listens on all addresses. */
const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/**
 * Whether somebody serves all of some addresses of TCP. Who only holds the socket lets connections wait without an answer; whatever is answered, be it that a
 * password or TLS is missing, comes from one who serves.
 */
export async function areServed(addresses: readonly net.AddressInfo[]): Promise<boolean> {
  const answers = await Promise.all(addresses.map(isServed))
  return answers.length > 0 && answers.every(Boolean)
}

function isServed({ address, port }: net.AddressInfo): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, ANY[address] ?? address)
    const settle = (served: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(served)
    }
    const timer = setTimeout(() => settle(false), ANSWER_TIME)
    socket.on('error', () => settle(false))
    socket.on('data', () => settle(true))
    socket.on('end', () => settle(true))
    socket.write('PING\r\n')
  })
}
