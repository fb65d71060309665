/**
 * The rows of the option table about connections that clients have for themselves, for a while.
 *
 * @module
 */
import { DAY, flag, type OptionSpec, whole } from './option-checks.ts'
import type { Settings } from './settings.ts'

type Rows =
  | 'privatePoolSize'
  | 'privatePoolPrefill'
  | 'privatePoolMinSize'
  | 'privatePoolSpawnEvery'
  | 'privatePoolSpawnRate'
  | 'maxPrivateConnections'
  | 'privateWait'
  | 'transactionIdleTimeout'

/** Options about private connections, the pool of them, and for how long a transaction may keep one. */
export const privateOptions: { readonly [Name in Rows]: OptionSpec<Settings[Name]> } = {
  privatePoolSize: {
    default: 10,
    ...whole(0, 50),
    help: 'Idle private connections (transactions, blocking commands) to keep for each node and protocol version; 0: none.',
    runtime: true,
  },
  privatePoolPrefill: {
    default: false,
    ...flag,
    help: 'Whether they are made as soon as a master is known, and for RESP3 as soon as a client speaks it; else from the first use on.',
    runtime: true,
  },
  privatePoolMinSize: {
    default: 10,
    ...whole(0, 50),
    help: 'Below this number they are refilled, up to privatePoolSize.',
    runtime: true,
  },
  privatePoolSpawnEvery: {
    default: 50,
    ...whole(1, DAY),
    unit: 'ms',
    help: 'Time between two steps of refilling.',
    runtime: true,
  },
  privatePoolSpawnRate: {
    default: 2,
    ...whole(1, 50),
    help: 'Connections made in one step.',
    runtime: true,
  },
  maxPrivateConnections: {
    default: 5000,
    ...whole(1, 1_000_000),
    help: 'Private connections to one node at a time; who wants one more waits in a queue.',
    runtime: true,
  },
  privateWait: {
    default: 5000,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'Time to wait for a private connection; then the command gets an error.',
    runtime: true,
  },
  transactionIdleTimeout: {
    default: 60_000,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'Time that a client in MULTI or WATCH may keep its connection without sending anything. Then MULTI goes on unseen on another one, and WATCH makes EXEC answer nil; 0: for ever.',
    runtime: true,
  },
}
