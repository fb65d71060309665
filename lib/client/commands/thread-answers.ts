/**
 * What one thread of a program answers the others.
 *
 * @module
 */

import type { ThreadQuestion } from '../../program-hooks.ts'
import { ErrorReply } from '../../resp/encode.ts'
import { AUTH_FAILED } from '../access/attempts.ts'
import { denialsShown } from './acl-log.ts'
import { unblocking } from './client.ts'
import { killing } from './client-kill.ts'
import { listing } from './client-list.ts'
import { pausing, unpausing } from './client-pause.ts'
import { hearing } from './client-tracking.ts'
import { buffering, counting } from './counters.ts'
import type { Everywhere } from './everywhere.ts'
import type { LocalServices } from './local.ts'
import { monitorShares } from './monitor.ts'
import { clientsShown } from './proxy-clients.ts'
import { updating } from './proxy-cluster.ts'
import { configSetting } from './proxy-config.ts'
import { pubsubShares } from './pubsub.ts'

/** Attempts to authenticate that failed in another thread. */
const failing: Pick<Everywhere<void>, 'kind' | 'share'> = {
  kind: AUTH_FAILED,
  share: ([host, count, age], { attempts }) =>
    attempts.note(String(host), Number(count ?? 1), Number(age ?? 0)),
}

const COMMANDS: readonly Pick<Everywhere<unknown>, 'kind' | 'share'>[] = [
  denialsShown,
  failing,
  killing,
  pausing,
  unpausing,
  listing,
  unblocking,
  counting,
  buffering,
  clientsShown,
  updating,
  configSetting,
  hearing,
  ...monitorShares,
  ...pubsubShares,
]

const byKind = new Map(COMMANDS.map((command) => [command.kind, command]))

/** This thread's part of a command that another thread was given; undefined where there is none. */
export function answerThread({ kind, args }: ThreadQuestion, services: LocalServices): unknown {
  const views = args.map(({ buffer, byteOffset, length }) =>
    Buffer.from(buffer, byteOffset, length)
  )
  const value = byKind.get(kind)?.share(views, services, undefined)
  return value instanceof ErrorReply ? undefined : value
}
