/**
 * CLIENT: who is connected to the proxy, and what a client has chosen for itself.
 *
 * @module
 */

import { ErrorReply, OK, type ReplyValue } from '../../resp/encode.ts'
import type { MovingEndpoint } from '../moving.ts'
import type { Session } from '../session.ts'
import { integer, isPrintable, word } from './argument.ts'
import { CLIENT_HELP } from './client-help.ts'
import { clientKill } from './client-kill.ts'
import { clientInfo, clientList } from './client-list.ts'
import { pausing, unpausing } from './client-pause.ts'
import {
  clientCaching,
  clientGetRedir,
  clientTracking,
  clientTrackingInfo,
} from './client-tracking.ts'
import { container, help, type Subcommand } from './container.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import { type LocalCall, type LocalCommands, type LocalHandler, NO_REPLY } from './local.ts'
import { BAD_NAME, errorOf, NOT_INTEGER, SYNTAX, wrongSubcommand } from './refusal.ts'

function setName({ args, session }: LocalCall): ReplyValue {
  if (!isPrintable(args[2]!)) return BAD_NAME
  session.name = args[2]!.toString('latin1')
  return OK
}

/** `CLIENT SETINFO LIB-NAME|LIB-VER value`, as of Redis 7.2. */
function setInfo({ args, session }: LocalCall): ReplyValue {
  const attribute = word(args[2]!)
  const value = args[3]!
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    return errorOf("ERR Unrecognized option '", args[2]!, "'")
  }
  if (!isPrintable(value)) {
    return errorOf('ERR ', args[2]!, ' cannot contain spaces, newlines or special characters.')
  }
  if (attribute === 'lib-name') session.libName = value.toString('latin1')
  else session.libVersion = value.toString('latin1')
  return OK
}

/** `CLIENT REPLY ON|OFF|SKIP`: only ON has a reply, and SKIP changes nothing while it is OFF. */
function reply({ args, session }: LocalCall): ReplyValue | typeof NO_REPLY {
  switch (word(args[2]!)) {
    case 'on':
      session.replyMode = 'on'
      return OK
    case 'off':
      session.replyMode = 'off'
      return NO_REPLY
    case 'skip':
      if (session.replyMode !== 'off') session.replyMode = 'skip'
      return NO_REPLY
    default:
      return SYNTAX
  }
}

/** A subcommand that turns one of the session's flags on or off. */
function onOff(set: (session: Session, on: boolean) => void): Subcommand {
  return {
    arity: 3,
    run: ({ args, session }) => {
      const choice = word(args[2]!)
      if (choice !== 'on' && choice !== 'off') return SYNTAX
      set(session, choice === 'on')
      return OK
    },
  }
}

const BAD_REASON = new ErrorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')

/** `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: how many clients each thread unblocked. */
export const unblocking: Everywhere<number> = {
  kind: 'client-unblock',
  share: (args, services) => {
    if (args.length > 4) return wrongSubcommand('client', args[1]!)
    const reason = args[3] === undefined ? 'timeout' : word(args[3])
    if (reason !== 'timeout' && reason !== 'error') return BAD_REASON
    const id = integer(args[2]!)
    if (id === undefined) return NOT_INTEGER
    for (const client of services.clients()) {
      if (BigInt(client.session.id) === id) return client.unblock(reason === 'error').then(Number)
    }
    return 0
  },
  reply: (shares) => shares.reduce((sum, { value }) => sum + value, 0),
}

const ENDPOINTS: ReadonlyMap<string, MovingEndpoint> = new Map([
  ['internal-ip', 'ip'],
  ['external-ip', 'ip'],
  ['internal-fqdn', 'fqdn'],
  ['external-fqdn', 'fqdn'],
  ['none', 'none'],
])

const NO_PUSH = new ErrorReply(
  'ERR maintenance notifications are pushes, which need RESP3: HELLO 3'
)

/** `CLIENT MAINT_NOTIFICATIONS ON|OFF [moving-endpoint-type type]`, as Redis clients send it to servers that announce maintenance. */
function maintNotifications({ args, session }: LocalCall): ReplyValue {
  const choice = word(args[2]!)
  const option = args[3] === undefined ? '' : word(args[3])
  const known = option === '' || option === 'moving-endpoint-type'
  const endpoint = option === '' ? 'ip' : ENDPOINTS.get(word(args[4] ?? Buffer.alloc(0)))
  if (!known || endpoint === undefined || args.length > 5) return SYNTAX
  if (choice !== 'on' && choice !== 'off') return SYNTAX
  if (choice === 'on' && session.protocol !== 3) return NO_PUSH
  session.moving = choice === 'on' ? endpoint : undefined
  return OK
}

function answer(arity: number, run: LocalHandler): Subcommand {
  return { arity, run }
}

/** Handler of CLIENT. */
export const clientCommands: LocalCommands = {
  client: container('client', {
    help: help('client', CLIENT_HELP),
    id: answer(2, ({ session }) => session.id),
    info: answer(2, clientInfo),
    list: answer(-2, clientList),
    kill: answer(-3, clientKill),
    getname: answer(2, ({ session }) => session.name || null),
    setname: answer(3, setName),
    setinfo: answer(4, setInfo),
    reply: answer(3, reply),
    'no-evict': onOff((session, on) => {
      session.noEvict = on
    }),
    'no-touch': onOff((session, on) => {
      session.noTouch = on
    }),
    // Of Valkey 8.0: the client follows redirects to other servers, of which it will see none here.
    capa: answer(-3, () => OK),
    maint_notifications: answer(-3, maintNotifications),
    getredir: answer(2, clientGetRedir),
    trackinginfo: answer(2, clientTrackingInfo),
    tracking: answer(-3, clientTracking),
    caching: answer(3, clientCaching),
    pause: answer(-3, everywhere(pausing)),
    unpause: answer(2, everywhere(unpausing)),
    unblock: answer(-3, everywhere(unblocking)),
  }),
}
