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
  | { readonly kind: 'report'; readonly moved: number; readonly asked: number }

let password = ''
let moved = 0
let asked = 0

function tell(message: FromProxy): void {
  process.send?.(message)
}

function start(nodes: readonly string[]): void {
  const proxy = createClusterProxy({ nodes: [...nodes], credentials: () => ({ password }) })
  proxy.on('error', (error) => console.error(`proxy: ${error.message}`))
  proxy.on('redirect', ({ kind }) => {
    if (kind === 'ask') asked++
    else moved++
  })
  proxy.once('ready', () => {
    const { port } = proxy.address() as AddressInfo
    tell({ kind: 'listening', port })
  })
  proxy.listen(0, '127.0.0.1')
}

process.on('message', (message: ToProxy) => {
  if (message.kind === 'report') {
    tell({ kind: 'report', moved, asked })
    return
  }
  password = message.password
  if (message.kind === 'start') start(message.nodes)
  else tell({ kind: 'password' })
})
process.once('disconnect', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
