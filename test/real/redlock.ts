import { createRequire } from 'node:module'
import type { Redis } from 'ioredis'

/** A lock that is held. */
interface Lock {
  release(): Promise<unknown>
}

/** What the tests use of a Redlock; the package's own types are not among its exports. */
interface Redlock {
  acquire(resources: readonly string[], duration: number): Promise<Lock>
}

type RedlockClass = new (
  clients: readonly Redis[],
  settings: Readonly<Record<string, number>>
) => Redlock

const require = createRequire(import.meta.url)
const { default: Class } = require('redlock') as { default: RedlockClass }

/** A Redlock over one client. */
export function newRedlock(client: Redis, settings: Readonly<Record<string, number>>): Redlock {
  return new Class([client], settings)
}
