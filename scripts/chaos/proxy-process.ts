/**
 * The proxy under test, in a process of its own: told its options by the parent, and each new password of the nodes.
 *
 * @module
 */

import type { AddressInfo } from 'node:net'
import { createClusterProxy } from '../../lib/index.ts'

/** What the parent says. */
export type ToProxy =
  | { readonly kind: 'start'; readonly nodes: readonly string[]; readonly password: string }
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'report' }

/** What the proxy says. */
export type FromProxy =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'password' }
  | { readonly kind: 'report'; readonly redirects: number; readonly nodes: readonly string[] }

let password = ''
let report = (): FromProxy => ({ kind: 'report', redirects: 0, nodes: [] })

function tell(message: FromProxy): void {
  process.send?.(message)
}

function start(nodes: readonly string[]): void {
  const proxy = createClusterProxy({ nodes: [...nodes], credentials: () => ({ password }) })
  proxy.on('error', (error) => console.error(`proxy: ${error.message}`))
  proxy.once('ready', () => {
    const { port } = proxy.address() as AddressInfo
    tell({ kind: 'listening', port })
  })
  proxy.listen(0, '127.0.0.1')
  report = () => {
    const stats = proxy.stats()
    const known = stats.nodes.map(({ address }) => address)
    return { kind: 'report', redirects: stats.redirects, nodes: known }
  }
}

process.on('message', (message: ToProxy) => {
  if (message.kind === 'report') {
    tell(report())
    return
  }
  password = message.password
  if (message.kind === 'start') start(message.nodes)
  else tell({ kind: 'password' })
})
process.once('disconnect', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
