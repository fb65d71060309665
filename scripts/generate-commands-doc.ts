/**
 * Writes docs/commands.md from the catalogue. A test says whether it is up to date.
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { LocalCall } from '../lib/client/commands/local.ts'
import { localHandler } from '../lib/client/commands/registry.ts'
import { Catalogue } from '../lib/command/catalogue.ts'
import { type CommandSpec, NO_KEYS, type Treatment } from '../lib/command/spec.ts'
import { ErrorReply } from '../lib/resp/encode.ts'
import { fanOutRemark } from '../lib/router/fan-out.ts'
import { isGathered } from '../lib/router/gather/gather.ts'
import { isSplittable } from '../lib/router/split.ts'

const FILE = new URL('../docs/commands.md', import.meta.url)

const INTRODUCTION = `# Commands

How the proxy treats every command of Redis 7. Commands of newer servers and of modules are learned from the cluster's own \`COMMAND\` and judged by their flags,
key specifications and tips: one with keys that reads or writes data is forwarded; one that declares \`multi_shard\` is split; one without keys that declares
\`all_shards\` or \`all_nodes\` is fanned out; any other is refused.

- **forwarded**: to the master of its keys' slot, unchanged. Keys of several slots are refused, unless it says *split* or *gathered*.
- **any node**: has no keys; one master after the other gets one.
- **split** (option \`crossSlot\`): one part for each slot, sent together; the replies are merged. Not atomic: when some parts fail, the error says which nodes carried theirs out.
- **gathered** (\`crossSlot: 'gather'\`): a read over several slots, computed by the proxy from reads of each.
- **fanned out**: to every master; the last column says how the replies become one. One master that fails makes it an error, never a partial result.
- **administration**: fanned out too, but only with the option \`adminCommands\`; refused without.
- **answered**: by the proxy itself, about itself.
- **private connection**: on a connection of the slot's master that the client has for itself meanwhile, and that goes back to a pool clean. See below.
- **subscription**: on connections that the proxy has for all subscriptions together. See below.
- **refused**: with an error; nothing is sent to any node.

The command \`PROXY\` is the proxy's own: see [program](program.md#the-proxy-command). \`PROXY EXPLAIN <command ...>\` tells what would be done with a command, and
\`PROXY COMMAND\` lists them all as they are treated just now.

A key that the server itself does not count as one is none here either: \`SORT\` with \`BY\` or \`GET\` patterns goes to the slot of the key that is sorted, and the node decides.
\`KEYS\`, and whatever else is merged, may give \`gatherMaxBytes\` together; beyond that the answer is an error. While a slot moves, one of its keys may be seen twice by
\`KEYS\` and \`DBSIZE\`, or not at all; \`SCAN\` misses none that stands still, and may give some twice.

Between \`MULTI\` and \`EXEC\`, commands are queued by the node of the first key. All keys must be in one slot. Commands that concern every master, and those that change
the connection (\`HELLO\`, \`AUTH\`, \`CLIENT REPLY\`, subscriptions), are refused there and make \`EXEC\` fail; what the proxy answers itself is answered at its place in the reply to \`EXEC\`.
Until \`EXEC\` is written, redirects and lost connections are made up for unseen by queueing all again; with \`WATCH\` they make \`EXEC\` answer nil, as if a watched key had been changed.

A command that blocks keeps its client's later commands waiting, as in Redis. When its slot moves, its master fails or its connection is lost, it goes on with the time
that is left; should the node have popped an element in the very moment in which the connection broke, that element is lost, as it would be without a proxy. \`XREAD\` with \`$\` means
what was the last entry at the first attempt: \`XINFO STREAM\` is asked in the same write (without the right to, \`$\` is taken anew). A client that leaves has its connection closed at once.

With \`crossSlot: 'gather'\`, \`XREAD\` with \`BLOCK\` reads streams of several slots. What there is already is given at once, of all streams; else it waits with one private connection
for each slot, and the first of them that is answered wins. Nothing is lost by that, since \`XREAD\` takes nothing: what another stream gets in the same moment is there
for the next call with the same ids. \`XREADGROUP\` over several slots is always refused: a group's read that comes too late would leave its entries pending for nobody.

\`CLIENT PAUSE\` keeps back the requests of all clients of the proxy, with \`WRITE\` those that a server would keep back. What is under way already goes on, and the servers know
nothing of it. \`CLIENT REPLY\` is the proxy's own too: commands are carried out, and their replies dropped. \`CLIENT NO-TOUCH\` is noted and has no effect on the nodes, whose connections are shared.

The list below is that of Redis 7.0. What a cluster knows besides is treated by what its COMMAND says, such as HEXPIRE and its kin (Redis 7.4). Of Valkey 8 \`SCRIPT SHOW\` finds a script
wherever it is, \`CLUSTER SLOT-STATS\` tells of the slots of all masters, and \`CLIENT CAPA\` is accepted and without effect. \`HELLO\` and \`INFO\` name the software of the servers:
\`server\` is \`valkey\` before a Valkey, whose \`redis_version\` is that of the Redis it is like. Where servers have changed their words or ways, the proxy's own answers follow in \`HELLO\`, whose options
are taken all or none since 7.2; otherwise they are those of Redis 7.0.

\`CLIENT TRACKING\` is right for each client in all its modes, with the errors of the server. Clients that track keys read from masters only. The keys of a script are taken to be read; keys
that it uses without declaring them are not tracked. A client may be told once too often, never too seldom: after a lost connection all is to be forgotten (null), after a slot moved its keys,
and a read through a slot that is moving is told right behind its reply; when a wider \`PREFIX\` begins to be told, all on narrower ones have to forget once, and so have all with a \`PREFIX\` when over a hundred of clients that are gone are given up; with \`NOLOOP\`, a transaction's own
writes are told. A key whose slot moved is watched again when the proxy has heard of it, which others' writes may precede by up to \`refreshInterval\`. A RESP2 client without
\`REDIRECT\` is told nothing, as by a server. \`CLIENT TRACKING\` and \`CACHING\` are refused between \`MULTI\` and \`EXEC\`.

\`EVALSHA\` of a script that came through the proxy (\`SCRIPT LOAD\`, \`EVAL\`) never fails with \`NOSCRIPT\`: the script is loaded where it is missing; within \`MULTI\` before \`EXEC\`.
\`FUNCTION LOAD\` goes to every master, and a master that joins the cluster, is promoted or comes back is given the libraries that the others have and it lacks.

\`WAIT\` and \`WAITAOF\` wait on connections of their own. Servers since 7.2 wait there for what that very connection has written, so the proxy has it write what changes nothing: \`FUNCTION RESTORE\` of no
function at all, which its user must be allowed; otherwise the refusal is the answer. When a master that the client wrote to was replaced by another since, before or while it
waits, the answer is 0 at once: the write may be lost, and how many replicas the new master has says nothing about it. What is written then counts again.

Whoever subscribes shares one subscription for each channel, pattern or shard channel (in each thread, and for each [user of the cluster](access.md#users-of-the-cluster) that clients are), however many clients have it. Ordinary channels are subscribed to at one node, since
what is published at any node reaches it; keyspace and keyevent notifications (\`__keyspace@0__:...\`, \`__keyevent@0__:...\`, and patterns that can match them, such as \`*\`) at every master, since each tells its
own alone; shard channels at the master of their slot, wherever it moves. A confirmation means that whatever is published from then on arrives. When a connection or a node is lost, or a slot moves, all that it concerns is
subscribed to again at once; what was published between is lost, as event \`subscriptionGap\` tells, and \`onSubscriptionGap\` says whether the clients stay connected. Patterns are matched by the nodes. Nodes need
RESP3 for this: version 6 or newer. A client that does not keep up is disconnected by \`subscriberOutputLimit\` and \`subscriberOutputSoftLimit\`, and slows nobody.

\`PUBLISH\` answers how many receive the message at one node, as in a cluster without a proxy; all clients of the proxy count as one there. A message that somebody publishes to the very channel of a notification
arrives once for each master.

From node to node the cluster's own bus carries what is published to ordinary channels, and it promises nothing: while two nodes have lost their link (about 0.1 s, if both run), what one of them is told does not reach
the subscribers of the other, and no client or proxy learns of it; \`subscriptionGap\` tells of the proxy's own connections. Valkey 8.0 loses messages also in the first second or so of two nodes that have met, and under load perhaps
again and again; 8.1.5 and 9.0.1 have that mended. Messages to shard channels that clients of the proxy send take no such way: their publishers and subscribers meet at one master.

<!-- Written by \`npm run generate:command-docs\` from lib/command and lib/router. -->
`

const MONITOR = [
  'administration',
  "what the proxy's own clients ask, in all threads, without secrets",
] as const

const ONE_SERVER = ['refused', 'acts on the one server that it is sent to'] as const

/** Whether the proxy's own answer to a command is that it does not carry it out. */
function isRefusedHere(spec: CommandSpec): boolean {
  if (!/^cl(?:ient|uster)\|/.test(spec.name)) return false
  const words = spec.name.split('|')
  const count = Math.max(Math.abs(spec.arity), words.length)
  const args = Array.from({ length: count }, (_, i) => Buffer.from(words[i] ?? ''))
  const call = { args, session: {}, services: { clusterEmulation: true } } as unknown as LocalCall
  try {
    const reply = localHandler(spec)?.(call)
    // Whoever needs the cluster for the answer refuses nothing.
    if (reply instanceof Promise) reply.catch(() => {})
    return reply instanceof ErrorReply && /^(?:NOPERM|ERR unsupported) /.test(reply.text)
  } catch {
    return false
  }
}

const PUBLISHED =
  "the master of the channel's slot, which keeps the order; the number is of those who receive it there"
const COUNTED =
  'from all masters; clients of the proxy count as themselves, its own connections do not'

/** What of a command is in the table; undefined for containers, whose subcommands are. */
const HANDLING: Readonly<Record<Treatment, (spec: CommandSpec) => readonly [string, string]>> = {
  shared: byKeys,
  'maybe-blocking': (spec) => [
    byKeys(spec)[0],
    `with BLOCK on a private connection${isGathered(spec) ? ', one for each slot' : ''}`,
  ],
  'any-node': ({ name }) => ['any node', name === 'publish' ? PUBLISHED : ''],
  'fan-out': (spec) => ['fanned out', fanOutRemark(spec) ?? ''],
  admin: (spec) => [
    'administration',
    spec.name === 'config|get'
      ? `${fanOutRemark(spec)}; without the right to, answered by the proxy`
      : (fanOutRemark(spec) ?? ''),
  ],
  connection: (spec) => {
    if (isRefusedHere(spec)) return ONE_SERVER
    return ['answered', spec.pubsub ? COUNTED : '']
  },
  blocking: ({ name }) => [
    'private connection',
    /^wait/.test(name) ? 'each master that the client wrote to; the lowest number' : '',
  ],
  transaction: () => ['private connection', ''],
  pubsub: ({ keyShape }) => [
    'subscription',
    keyShape === NO_KEYS ? '' : "at the owner of the channels' slot, wherever that moves",
  ],
  'one-server': ({ name }) =>
    name === 'move' || name === 'swapdb' ? ['refused', 'a cluster has one database'] : ONE_SERVER,
  refused: () => ['refused', 'leaves state in its connection'],
}

function byKeys(spec: CommandSpec): readonly [string, string] {
  if (isSplittable(spec)) return ['forwarded, split', fanOutRemark(spec) ?? '']
  return [isGathered(spec) ? 'forwarded, gathered' : 'forwarded', '']
}

function rowsOf(spec: CommandSpec): string[] {
  const subcommands = [...(spec.subcommands?.values() ?? [])]
  if (subcommands.length > 0) return subcommands.flatMap(rowsOf)
  const [handling, remark] = spec.name === 'monitor' ? MONITOR : HANDLING[spec.treatment](spec)
  return [`| \`${spec.name.replace('|', ' ').toUpperCase()}\` | ${handling} | ${remark} |`]
}

/** The text of docs/commands.md. */
export function commandsDocument(): string {
  const specs = [...Catalogue.builtIn().all()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return `${INTRODUCTION}
| command | treated how | remark |
| --- | --- | --- |
${specs.flatMap(rowsOf).join('\n')}
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(FILE, commandsDocument())
