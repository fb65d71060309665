/**
 * Sequences of commands that keep their client waiting.
 *
 * @module
 */

import { ANY_NUMBER, array, bulk, noArray, number, OK } from './frames.ts'
import { type Kind, together } from './kind.ts'
import { silent, step } from './step.ts'

const popped: Kind = (client) => {
  const list = `list:${client.key()}`
  const value = client.value()
  return together(
    step(['DEL', list], ANY_NUMBER),
    step(['RPUSH', list, value, 'rest'], number(2)),
    step(['BLPOP', list, '0'], array(bulk(list), bulk(value))),
    step(['BLPOP', list, '0'], array(bulk(list), bulk('rest')))
  )
}

const inVain: Kind = (client) =>
  together(step(['BRPOP', `empty:${client.key()}`, '0.001'], noArray(client.version)))

/** What another client pushes while it waits, or before. */
const fed: Kind = (client) => {
  const list = `fed:${client.key()}`
  const value = client.value()
  return [
    {
      steps: [step(['BLPOP', list, '0'], array(bulk(list), bulk(value)))],
      deeds: [{ by: client.user, command: ['RPUSH', list, value], reply: number(1) }],
    },
  ]
}

const unblocked: Kind = (client) => {
  const isError = client.chance.below(2) === 0
  const reply = isError
    ? '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'
    : noArray(client.version)
  const command = ['CLIENT', 'UNBLOCK', client.id, isError ? 'ERROR' : 'TIMEOUT']
  return [
    // Nothing else that waits is to be ended.
    { steps: [], last: true },
    {
      steps: [step(['BLPOP', `empty:${client.key()}`, '0'], reply)],
      deeds: [{ by: 'default', command, reply: number(1), repeated: true }],
    },
  ]
}

const acknowledged: Kind = (client) =>
  together(client.set(client.key(), client.value()), step(['WAIT', '0', '100'], ANY_NUMBER))

/** `CLIENT REPLY` silences what blocks as well. */
const unheard: Kind = (client) => {
  const list = `list:${client.key()}`
  return together(
    step(['DEL', list], ANY_NUMBER),
    step(['RPUSH', list, 'unheard'], number(1)),
    silent(['CLIENT', 'REPLY', 'OFF']),
    silent(['BLPOP', list, '0']),
    step(['CLIENT', 'REPLY', 'ON'], OK),
    step(['LLEN', list], number(0), ({ cache }) => cache.asked(list))
  )
}

export const WAITS: readonly Kind[] = [popped, inVain, fed, unblocked, acknowledged, unheard]
