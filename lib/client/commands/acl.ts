/**
 * ACL: who the client is; and, where the proxy has users of its own, what they may do. They are changed in the proxy's configuration only.
 *
 * @module
 */

import type { CommandSpec } from '../../command/spec.ts'
import { OK, type ReplyValue } from '../../resp/encode.ts'
import { frameRequest } from '../../resp/request-reader.ts'
import type { Account } from '../access/account.ts'
import { aclLog } from './acl-log.ts'
import { container, type Subcommand } from './container.ts'
import type { LocalCall, LocalCommands } from './local.ts'
import { ownSpec } from './proxy-spec.ts'
import { errorOf, unsupported } from './refusal.ts'

/** Stands for a password's hash: from the hash of a short password it is easily found. */
const HIDDEN = '(hidden)'

function channels({ channels: { words } }: Account): string {
  const every = words.includes('&*')
  return every ? '&*' : ['resetchannels', ...words].join(' ')
}

/** A user as a line of ACL LIST, but for the hashes. */
function line(account: Account): string {
  const { name, enabled, nopass, passwords, keys, commands } = account
  const secrets = nopass ? ['nopass'] : new Array<string>(passwords).fill(`#${HIDDEN}`)
  const state = enabled ? 'on' : 'off'
  return ['user', name, state, ...secrets, ...keys.words, channels(account), commands].join(' ')
}

function accounts({ services }: LocalCall): readonly Account[] {
  return services.accounts?.all() ?? []
}

function getUser({ args, services }: LocalCall): ReplyValue {
  const account = services.accounts?.find(args[2]!.toString())
  if (account === undefined) return null
  const { enabled, nopass, passwords, commands, keys } = account
  const flags = [enabled ? 'on' : 'off', nopass ? 'nopass' : ''].filter((flag) => flag !== '')
  return new Map<ReplyValue, ReplyValue>([
    ['flags', new Set(flags)],
    ['passwords', new Array<string>(passwords).fill(HIDDEN)],
    ['commands', commands],
    ['keys', keys.words.join(' ')],
    ['channels', account.channels.words.join(' ')],
    ['selectors', []],
  ])
}

/** `ACL DRYRUN user command [argument ...]`: OK, or why not. */
function dryRun({ args, services }: LocalCall): ReplyValue {
  const account = services.accounts?.find(args[2]!.toString())
  if (account === undefined) return errorOf("ERR User '", args[2]!, "' not found")
  const view = frameRequest(args.slice(3))
  const spec: CommandSpec | undefined = services.catalogue.find(view) ?? ownSpec(view)
  if (spec === undefined) return errorOf("ERR Command '", args[3]!, "' not found")
  const refusal = account.refusal(spec, view)
  return refusal === undefined ? OK : refusal.replace(/^\w+ /, '')
}

function refuse(name: string, arity: number): Subcommand {
  const error = unsupported(`acl|${name}`)
  return { arity, run: () => error }
}

/** Handler of ACL. Without users of its own the proxy answers WHOAMI only: the nodes have their own name for it. */
export const aclCommands: LocalCommands = {
  acl: container('acl', {
    whoami: { arity: 2, run: ({ session }) => session.user },
    list: { arity: 2, run: (call) => accounts(call).map(line) },
    users: { arity: 2, run: (call) => accounts(call).map(({ name }) => name) },
    getuser: { arity: 3, run: getUser },
    dryrun: { arity: -4, run: dryRun },
    setuser: refuse('setuser', -3),
    deluser: refuse('deluser', -3),
    load: refuse('load', 2),
    save: refuse('save', 2),
    log: { arity: -2, run: aclLog },
  }),
}
