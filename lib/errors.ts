/**
 * Errors of this package: one class for the host application, one table of the texts that clients see.
 *
 * @module
 */

/**
 * What went wrong, as a stable word to match on. Messages may change between releases, codes may not.
 *
 * - `INVALID_OPTION`: an option has an unknown name or a value that its check refuses.
 * - `NO_TOPOLOGY`: no entry point answered with a usable slot table.
 * - `NODE_CONNECT`: a connection to a node could not be made, or was refused in the greeting.
 * - `NODE_LOST`: a connection to a node ended while something was in flight on it.
 * - `NODE_TIMEOUT`: a node kept silent for longer than `commandTimeout`.
 * - `NODE_PROTOCOL`: a node sent bytes that are no RESP, or a reply that nobody asked for.
 * - `NODE_REPLY`: a node answered a question of the proxy's own with an error.
 * - `NODE_AUTH`: a node does not let in the user of the cluster that a client is.
 * - `CLOSED`: the proxy is shut down, or was while the call waited.
 * - `HOOK`: a listener of the host application threw.
 * - `SLOW_COMMAND`: a command keeps a shared connection to a node busy; later ones take another.
 * - `PROXY_HEADER`: a connection from a trusted proxy did not begin with a header of the PROXY protocol.
 * - `UNMAPPED_ADDRESS`: the cluster announces an address that no `natMap` rule covers and that cannot be reached.
 */
export type ProxyErrorCode =
  | 'INVALID_OPTION'
  | 'NO_TOPOLOGY'
  | 'NODE_CONNECT'
  | 'NODE_LOST'
  | 'NODE_TIMEOUT'
  | 'NODE_PROTOCOL'
  | 'NODE_REPLY'
  | 'NODE_AUTH'
  | 'CLOSED'
  | 'HOOK'
  | 'SLOW_COMMAND'
  | 'PROXY_HEADER'
  | 'UNMAPPED_ADDRESS'

/** The one error class of this package. Match on {@link ProxyError.code}, not on the message. */
export class ProxyError extends Error {
  /** Stable word for what went wrong. */
  readonly code: ProxyErrorCode

  constructor(code: ProxyErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ProxyError'
    this.code = code
  }
}

/**
 * Texts of error replies that the router gives, code first. Where Redis has a text it is Redis's own.
 */
export const replyText = {
  /** Keys of one command in several slots. */
  crossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  /** Keys in several slots, for a command that could be served over them (promised by the official proxy, word for word). */
  crossSlotDisabled:
    'ERR Cross-slot queries are disabled. They can be enabled by using the --enable-cross-slot option, or by calling `PROXY CONFIG SET enable-cross-slot 1`. WARN: cross-slot queries can break the atomicity of the query itself.',
  /** Keys in several slots, for a command that cannot be served over them. */
  crossSlotUnsupported: 'ERR Cross-slot queries are not supported for this command',
  /** Where nothing says which arguments are keys: the proxy cannot tell the slot. */
  keysUnknown: (name: string): string => `ERR nothing tells which arguments of '${name}' are keys`,
  /** Arguments that would go with each part of a split command: too many bytes. */
  repeatsTooMuch: (name: string, limit: number): string =>
    `ERR '${name}' would repeat more than ${limit} MiB of its arguments when split by slot`,
  /** Replies of several nodes, too large together. */
  repliesTooLarge: (name: string, most: number): string =>
    `ERR the replies to '${name}' exceed gatherMaxBytes (${most} bytes)`,
  /** Replies of several nodes of which no one reply can be made. */
  repliesUnlike: (name: string): string =>
    `ERR the replies of the nodes to '${name}' do not fit together`,
  /** There was no node to ask. */
  noAnswer: (name: string): string => `ERR no node answered '${name}'`,
  /** A number of arguments that the command does not take; `container|subcommand` for subcommands. */
  wrongArity: (name: string): string => `ERR wrong number of arguments for '${name}' command`,
  /** A command that the proxy knows and does not carry out; nothing was done. */
  unsupported: (name: string): string =>
    `ERR unsupported command \`${name}\`: the proxy does not provide it`,
  /** A command that acts on one server and must be sent to that server itself. */
  forbidden: (name: string): string =>
    `NOPERM \`${name}\` is not available through the proxy: send it to a node of the cluster`,
  /** A command for those who run the servers, where the proxy does not let them; nothing was done. */
  administrative: (name: string): string =>
    `NOPERM \`${name}\` is for who runs the cluster: allow it by the option adminCommands (admin-commands), or send it to a node`,
  /** A command between numbered databases, of which a cluster has one. */
  otherDatabases: (name: string): string =>
    `ERR ${name.toUpperCase()} is not allowed in cluster mode`,
  /** CONFIG SET of something that cannot be the same for all masters; nothing was set. */
  oneServerSetting: (name: string): string =>
    `NOPERM the setting '${name}' names one server: send it to a node of the cluster`,
  /** A client of RESP2 that is subscribed, and sends what is no matter of that. */
  whileSubscribed: (name: string): string =>
    `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  /** MULTI within MULTI. */
  nestedMulti: 'ERR MULTI calls can not be nested',
  /** EXEC or DISCARD where there is no MULTI. */
  withoutMulti: (name: string): string => `ERR ${name.toUpperCase()} without MULTI`,
  /** WATCH after MULTI. */
  watchInMulti: 'ERR WATCH inside MULTI is not allowed',
  /** EXEC after a command that was refused. */
  execAborted: 'EXECABORT Transaction discarded because of previous errors.',
  /** EXEC that is refused itself, for whatever reason. */
  execRefused: (reason: string): string =>
    `EXECABORT Transaction discarded because of: ${reason.replace(/^ERR /, '')}`,
  /** A command that changes the connection, between MULTI and EXEC. */
  notInMulti: 'ERR Command not allowed inside a transaction',
  /** CLIENT UNBLOCK with ERROR. */
  unblocked: 'UNBLOCKED client unblocked via CLIENT UNBLOCK',
  /** No private connection became free in time. */
  noPrivateConnection: (address: string, ms: number): string =>
    `ERR no private connection to ${address} became free within ${ms} ms`,
  /** No node serves the slot, and none came to in time. */
  slotNotServed: 'CLUSTERDOWN Hash slot not served',
  /** Policy `replica`, and no replica can be read from. */
  noReplica: 'ERR no replica serves this slot',
  /** Too many redirects for one request. */
  tooManyRedirects: (last: string): string => `ERR Too many cluster redirections. Last: ${last}`,
  /** The node could not be reached in time; nothing was executed. */
  unreachable: (reason: string): string => `CLUSTERDOWN the node cannot be reached: ${reason}`,
  /** A write was sent and its connection lost before the reply: it may or may not have been executed. */
  uncertain: (reason: string): string =>
    `UNCERTAIN the command may have been executed or not: ${reason}`,
  /** A command that the user may not run. */
  deniedCommand: (name: string): string =>
    `NOPERM this user has no permissions to run the '${name}' command`,
  /** A key that the user may not read, or not write. */
  deniedKey: 'NOPERM this user has no permissions to access one of the keys used as arguments',
  /** A channel that the user may not use. */
  deniedChannel:
    'NOPERM this user has no permissions to access one of the channels used as arguments',
  /** BY and GET of SORT name keys that nobody can tell before. */
  deniedSort: (option: 'BY' | 'GET'): string =>
    `ERR ${option} option of SORT denied due to insufficient ACL permissions.`,
  /** A connection was lost that spoke as a user whom no client is any more; nothing was executed. */
  userLeft: 'NOAUTH the last client of the user has left, the command was not executed',
  /** The proxy is shutting down; the command was not executed. */
  closing: 'ERR the proxy is shutting down, the command was not executed',
} as const
