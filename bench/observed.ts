/**
 * The built proxy with a listener for `command` that counts.
 *
 *     observed.ts --port N host:port ...
 *
 * @module
 */

import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { port: { type: 'string' } },
  allowPositionals: true,
})
const built = new URL('../dist/index.js', import.meta.url).href
const { createClusterProxy } = (await import(built)) as typeof import('../lib/index.ts')
const proxy = createClusterProxy({ nodes: positionals, crossSlot: 'gather' })
let commands = 0
proxy.on('command', () => {
  commands++
})
proxy.listen(Number(values.port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(commands > 0 ? 0 : 1))
