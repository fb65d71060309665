import { ErrorReply, type ReplyValue, SimpleString } from '../resp/encode.ts'
import type { Client } from './client.ts'
import { type Call, type CommandRow, keysOf, NO_REPLY, Wait } from './commands/call.ts'
import { WHILE_SUBSCRIBED } from './commands/pubsub.ts'
import { changedSince, IMMEDIATE } from './commands/transactions.ts'
import type { NodeState } from './node-state.ts'
import { refusalOf } from './redirection.ts'
import { Refusal, wrongArity } from './refusal.ts'
import { slotOfBytes } from './slot.ts'

/** What became of a command. */
export type Outcome = ReplyValue | typeof NO_REPLY | Wait

const QUEUED = new SimpleString('QUEUED')
const NOT_AUTHENTICATED = 'NOAUTH Authentication required.'
const LOADING = 'LOADING Redis is loading the dataset in memory'
const READ_ONLY = "READONLY You can't write against a read only replica."

/** Commands without a flag that says so, but that are refused while loading. */
function deniedWhileLoading(row: CommandRow): boolean {
  return !row.flags.includes('loading')
}

function unknownCommand(args: readonly string[]): string {
  let shown = ''
  for (const arg of args.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${arg.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${args[0]!.slice(0, 128)}', with args beginning with: ${shown}`
}

/** The row of a command, or the error of one that does not exist or has the wrong number of arguments. */
function lookUp(
  rows: ReadonlyMap<string, CommandRow>,
  args: readonly string[]
): CommandRow | string {
  const found = rows.get(args[0]!.toLowerCase())
  if (found === undefined) return unknownCommand(args)
  const isContainer = found.subcommands.length > 0 && args.length > 1
  const sub = found.subcommands.find(
    (one) => one.name === `${found.name}|${args[1]?.toLowerCase()}`
  )
  if (isContainer && sub === undefined) {
    return `ERR unknown subcommand '${args[1]!.slice(0, 128)}'. Try ${found.name.toUpperCase()} HELP.`
  }
  const row = sub ?? found
  const fits = row.arity > 0 ? args.length === row.arity : args.length >= -row.arity
  return fits ? row : wrongArity(row.name)
}

/** A redirect of EXEC looks at all keys of the transaction. */
function claimOf(
  row: CommandRow,
  args: readonly string[],
  client: Client
): Parameters<typeof refusalOf>[2] {
  const queue = row.name === 'exec' ? (client.queue ?? []) : []
  return {
    keys: [...keysOf(row, args), ...queue.flatMap((queued) => queued.keys)],
    isWrite: row.flags.includes('write') || queue.some((queued) => queued.isWrite),
    isShardPubSub: /^s(un)?subscribe$|^spublish$/.test(row.name),
  }
}

/** Why a command may not run at all, in the order in which the server's `processCommand` asks. */
function refusal(call: Call, row: CommandRow): string | undefined {
  const { node, client, args } = call
  const redirect = refusalOf(node, client, claimOf(row, args, client))
  if (redirect !== undefined) return redirect
  if (node.master !== undefined && row.flags.includes('write') && row.keys[0] === 0)
    return READ_ONLY
  if (client.subscribed && client.protocol === 2 && !WHILE_SUBSCRIBED.includes(row.name)) {
    return (
      `ERR Can't execute '${row.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET ` +
      'are allowed in this context'
    )
  }
  return node.loading && deniedWhileLoading(row) ? LOADING : undefined
}

/** Texts have one character per byte here, and are encoded as UTF-8 on their way out. */
function errorReply(text: string): ErrorReply {
  return new ErrorReply(Buffer.from(text, 'latin1').toString())
}

/** Executes one command; what its handler refuses becomes an error reply. */
function run(row: CommandRow, call: Call): Outcome {
  if (row.flags.includes('write')) call.node.noteWrite()
  if (row.flags.includes('readonly'))
    call.node.tracking.remember(call.client, keysOf(row, call.args))
  try {
    return row.handler(call)
  } catch (error) {
    if (error instanceof Refusal) return errorReply(error.message)
    throw error
  }
}

function enqueue(row: CommandRow, call: Call): void {
  call.client.queue!.push({
    keys: keysOf(row, call.args),
    isWrite: row.flags.includes('write'),
    run: () => {
      const outcome = run(row, { ...call, data: call.node.data, protocol: call.client.protocol })
      if (outcome instanceof Wait) return outcome.expired
      return outcome === NO_REPLY ? null : outcome
    },
  })
}

/** What was refused inside of a transaction makes its EXEC fail; a redirect of EXEC itself ends the transaction. */
function refused(client: Client, row: CommandRow | undefined, text: string): ErrorReply {
  if (row?.name === 'exec') client.leaveTransaction()
  else if (client.queue !== undefined) client.dirty = true
  return errorReply(text)
}

/** Records a command that came between ASKING and the one that ASKING was for. */
function checkAsking(
  node: NodeState,
  client: Client,
  row: CommandRow,
  args: readonly string[]
): void {
  if (!client.asking || client.queue !== undefined || row.name === 'multi') return
  if (keysOf(row, args).some((key) => node.imported.has(slotOfBytes(key)))) return
  node.violations.push(`connection ${client.id}: ASKING was followed by ${args.join(' ')}`)
}

/** Executes one command of a client: the fake's `processCommand`. Arguments have one character per byte (latin1). */
export function processCommand(
  node: NodeState,
  client: Client,
  rows: ReadonlyMap<string, CommandRow>,
  args: readonly string[]
): Outcome {
  const row = lookUp(rows, args)
  if (typeof row === 'string') {
    client.asking = client.asking && client.queue !== undefined
    return refused(client, undefined, row)
  }
  if (!client.authenticated && !row.flags.includes('no_auth'))
    return refused(client, row, NOT_AUTHENTICATED)
  checkAsking(node, client, row, args)
  const call: Call = { args, data: node.data, node, client, protocol: client.protocol, rows }
  const outcome = decide(row, call)
  if (client.queue === undefined && row.name !== 'asking') client.asking = false
  return outcome
}

function decide(row: CommandRow, call: Call): Outcome {
  const text = refusal(call, row)
  if (text !== undefined) return refused(call.client, row, text)
  if (call.client.queue !== undefined && !IMMEDIATE.includes(row.name)) {
    // A transaction that cannot succeed any more keeps nothing, so its EXEC has no keys to be redirected for.
    if (!call.client.dirty && !changedSince(call.client)) enqueue(row, call)
    return QUEUED
  }
  return run(row, call)
}
