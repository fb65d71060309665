/**
 * PROXY: the proxy itself, for those who run it. Subcommands and replies are those of the official redis-cluster-proxy.
 *
 * @module
 */

import createDebug from 'debug'
import type { LogLevel } from '../../program-hooks.ts'
import { ErrorReply, OK, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { word } from './argument.ts'
import { command } from './container.ts'
import { type LocalCall, type LocalCommands, type LocalHandler, NO_REPLY } from './local.ts'
import { proxyClient, proxyClients } from './proxy-clients.ts'
import { proxyCluster, proxyTopology } from './proxy-cluster.ts'
import { proxyConfig } from './proxy-config.ts'
import { proxyDebug } from './proxy-debug.ts'
import { proxyCommand, proxyExplain } from './proxy-explain.ts'
import { MULTIPLEXING_HELP, PROXY_HELP } from './proxy-help.ts'
import { proxyInfo } from './proxy-info.ts'
import { badSubcommand, choose, helpLines, notHere, type ProxySubcommand } from './proxy-refusal.ts'

const debug = createDebug('redis-cluster-proxy:log')

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'success', 'warning', 'error']
const BAD_LEVEL = new ErrorReply(`ERR Invalid log level, valid level names: ${LEVELS.join(', ')}`)
/** Longest message, bytes. */
const LONGEST = 4096
const TOO_LONG = new ErrorReply('ERR Log message too long!')
/** `PROXY LOG [level] message`. */
function log({ args, services }: LocalCall): ReplyValue {
  const name = args.length === 4 ? word(args[2]!) : 'debug'
  const level = LEVELS.find((each) => each === name)
  if (level === undefined) return BAD_LEVEL
  const message = args.at(-1)!
  if (message.length > LONGEST) return TOO_LONG
  // One line of the log is one message, whatever a client sends.
  const line = message.toString('utf8').replace(/\p{Cc}/gu, ' ')
  const { program } = services.admin
  if (program.log === undefined) debug('%s: %s', level, line)
  else program.log(level, line)
  return OK
}

/** `PROXY SHUTDOWN [ASAP]`: there is no reply, the connection ends. */
function shutdown(call: LocalCall): ReplyValue | typeof NO_REPLY {
  const { args, client, services } = call
  const { program } = services.admin
  const asap = args.length === 3
  if (asap && word(args[2]!) !== 'asap') return badSubcommand(call)
  if (program.shutdown === undefined) return notHere('PROXY SHUTDOWN')
  client.closeAfterReplies()
  program.shutdown(asap)
  return NO_REPLY
}

/** `PROXY RESTART`: answered when the new threads serve; this connection is one of those that end then. */
async function restart({ services }: LocalCall): Promise<ReplyValue> {
  const { program } = services.admin
  if (program.restart === undefined) return notHere('PROXY RESTART')
  try {
    await program.restart()
    return OK
  } catch (error) {
    return new ErrorReply(`ERR nothing was changed: ${(error as Error).message}`)
  }
}

/** `PROXY MULTIPLEXING OFF`: for this client, and for good. */
function off({ session }: LocalCall): ReplyValue {
  session.multiplexing = false
  return OK
}

const multiplexing: LocalHandler = choose(
  2,
  new Map<string, ProxySubcommand>([
    ['status', { least: 3, most: 3, run: ({ session }) => (session.multiplexing ? 'on' : 'off') }],
    ['off', { least: 3, most: 3, run: off }],
    ['help', { least: 3, most: 3, run: () => helpLines(MULTIPLEXING_HELP) }],
  ])
)

const subcommands = choose(
  1,
  new Map<string, ProxySubcommand>([
    ['info', { least: 2, most: 3, run: proxyInfo }],
    ['config', { least: 3, run: proxyConfig }],
    ['multiplexing', { least: 3, run: multiplexing }],
    ['command', { least: 2, most: 3, run: proxyCommand }],
    ['client', { least: 3, run: proxyClient }],
    ['cluster', { least: 2, run: proxyCluster }],
    ['debug', { least: 3, run: proxyDebug }],
    ['shutdown', { least: 2, most: 3, run: shutdown }],
    ['restart', { least: 2, most: 2, run: restart }],
    ['log', { least: 3, most: 4, run: log }],
    ['clients', { least: 2, most: 2, run: proxyClients }],
    ['explain', { least: 3, run: proxyExplain }],
    ['topology', { least: 3, run: proxyTopology }],
    ['ping', { least: 2, most: 2, run: () => new SimpleString('PONG') }],
    ['help', { least: 2, most: 2, run: () => helpLines(PROXY_HELP) }],
  ])
)

/** Handler of PROXY. */
export const proxyCommands: LocalCommands = { proxy: command('proxy', -2, subcommands) }
