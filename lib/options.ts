/**
 * The one table of options: defaults, checks, units and help.
 *
 * @module
 */
import { accessOptions } from './access-options.ts'
import {
  address,
  addressMap,
  credentials,
  DAY,
  filledText,
  flag,
  nodeList,
  type OptionSpec,
  oneOf,
  plainObject,
  tlsSchema,
  whole,
} from './option-checks.ts'
import { privateOptions } from './private-options.ts'
import type { GapPolicy, ReadFrom, Settings } from './settings.ts'

const MEBIBYTE = 1024 * 1024
const MOST_BYTES = Number.MAX_SAFE_INTEGER
/** A longer reply could not be read: see `ReplyReader`. */
const LONGEST_REPLY = 2147483647

/** Every option with its default, check, unit and help. The type sees to it that none is missing. */
export const optionTable: { readonly [Name in keyof Settings]: OptionSpec<Settings[Name]> } = {
  nodes: {
    default: undefined,
    ...nodeList,
    help: 'Entry points to the cluster; the first that answers is used, the others stay as a last resort.',
  },
  natMap: {
    default: undefined,
    ...addressMap,
    help: 'How the addresses that nodes announce are dialled.',
  },
  announceMap: {
    default: undefined,
    ...addressMap,
    help: 'What clients are told for addresses, in CLUSTER replies and, without autoRedirect, in MOVED and ASK.',
  },
  autoRedirect: {
    default: true,
    ...flag,
    help: 'Whether redirects are followed; else clients are told them, and see the nodes in CLUSTER replies.',
  },
  credentials: {
    default: undefined,
    ...credentials,
    help: 'As whom the proxy speaks to the nodes; a change holds for new connections.',
    runtime: true,
  },
  nodeTls: {
    default: undefined,
    check: plainObject,
    expected: 'an object with options of tls.connect, or nothing',
    schema: tlsSchema,
    help: 'TLS towards the nodes; certificates may change for new connections.',
    runtime: true,
  },
  tls: {
    default: undefined,
    check: plainObject,
    expected: 'an object with options of tls.createServer, or nothing',
    schema: tlsSchema,
    help: 'TLS towards clients; makes the proxy a tls.Server. Certificates may change for new clients.',
    runtime: true,
  },
  ...accessOptions,
  resp3: { default: true, ...flag, help: 'Whether clients may switch to RESP3 with HELLO 3.' },
  clusterEmulation: {
    default: true,
    ...flag,
    help: 'Whether CLUSTER commands present the proxy as the owner of all slots, for cluster-aware clients.',
  },
  announce: {
    default: undefined,
    ...address,
    help: 'The address that CLUSTER replies tell, instead of the one that the client used.',
  },
  readFrom: {
    default: 'master',
    ...oneOf<ReadFrom>('master', 'prefer-replica', 'replica', 'nearest', 'any'),
    help: 'Where commands that only read are sent; a client that said READONLY prefers replicas in any case.',
  },
  readYourWrites: {
    default: true,
    ...flag,
    help: 'Whether a client reads a slot from the master until the replicas have its own last write to it.',
    runtime: true,
  },
  maxReplicaLag: {
    default: 10_000,
    ...whole(1, DAY),
    unit: 'ms',
    help: 'How far a replica may be behind and still be read from.',
    runtime: true,
  },
  replicaCheckInterval: {
    default: 1000,
    ...whole(10, DAY),
    unit: 'ms',
    help: 'Time between two looks at how far replicas are behind; nothing is looked at while nobody reads from them.',
  },
  availabilityZone: {
    default: undefined,
    ...filledText,
    expected: 'a string that is not empty, or nothing',
    help: 'The availability zone whose nodes are read from where there are any (servers that tell theirs: Valkey 8).',
    runtime: true,
  },
  crossSlot: {
    default: false,
    check: (value) => (typeof value === 'boolean' || value === 'gather' ? value : undefined),
    expected: "true, false or 'gather'",
    schema: { enum: [true, false, 'gather'] },
    help: "Whether commands over several slots are split by slot, which is not atomic; 'gather' also computes pure reads over slots.",
    runtime: true,
  },
  gatherMaxBytes: {
    default: 64 * MEBIBYTE,
    ...whole(1024, LONGEST_REPLY),
    unit: 'bytes',
    help: 'What the replies to the parts of one command may have together.',
    runtime: true,
  },
  adminCommands: {
    default: false,
    ...flag,
    help: 'Whether CONFIG, ACL, DEBUG, SLOWLOG and the like are carried out, on every master; what names one server (dir, port, bind, ...) is refused in any case.',
    runtime: true,
  },
  coalesce: {
    default: false,
    ...flag,
    help: 'Whether identical reads that different clients send at the same time, as of a hot key, are sent to the node once, and its reply to all of them.',
  },
  multiplexing: {
    default: true,
    ...flag,
    help: 'Whether clients share connections to the nodes; else each has its own, to every node that it needs.',
  },
  ...privateOptions,
  trackingTableMaxKeys: {
    default: 1_000_000,
    ...whole(0, 1_000_000_000),
    help: 'Keys that clients are to be told of when they change (`CLIENT TRACKING`); beyond that they are told of old ones at once. 0: no limit.',
    runtime: true,
  },
  scriptCacheBytes: {
    default: 16 * MEBIBYTE,
    ...whole(0, MOST_BYTES),
    unit: 'bytes',
    help: 'Scripts that are remembered, to load them where a node lacks them; 0: none.',
  },
  refreshInterval: {
    default: 30_000,
    ...whole(100, DAY),
    unit: 'ms',
    help: 'Time between two looks at the cluster.',
    runtime: true,
  },
  refreshMinInterval: {
    default: 100,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'Least time between two refreshes.',
    runtime: true,
  },
  connectTimeout: {
    default: 2000,
    ...whole(10, DAY),
    unit: 'ms',
    help: 'Time for connecting to a node and being greeted.',
    runtime: true,
  },
  commandTimeout: {
    default: 30_000,
    ...whole(10, DAY),
    unit: 'ms',
    help: 'Time that a node may be silent while requests are in flight; then its connection is closed.',
    runtime: true,
  },
  retryBudget: {
    default: 5000,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'Time for all further attempts at one request, and for waiting for a node that is down.',
    runtime: true,
  },
  maxRedirects: {
    default: 16,
    ...whole(1, 1000),
    help: 'Redirects that one request may meet.',
    runtime: true,
  },
  reconnectMinDelay: {
    default: 50,
    ...whole(1, DAY),
    unit: 'ms',
    help: 'Delay before the second attempt to reach a lost node; it doubles.',
  },
  reconnectMaxDelay: {
    default: 2000,
    ...whole(1, DAY),
    unit: 'ms',
    help: 'What the delay grows to.',
  },
  keepAlive: {
    default: 300,
    ...whole(0, 86_400),
    unit: 's',
    help: 'Idleness after which TCP keepalive probes begin; 0: none.',
  },
  maxClients: {
    default: 10_000,
    ...whole(1, 1_000_000),
    help: 'Clients at a time; the next one is told so and disconnected.',
    runtime: true,
  },
  maxPipeline: {
    default: 1024,
    ...whole(1, 1_000_000),
    help: 'Requests of one client that wait for their replies; its next ones are left unread until there is room.',
    runtime: true,
  },
  maxBulkLength: {
    default: 512 * MEBIBYTE,
    ...whole(1024, 2 ** 31 - 1),
    unit: 'bytes',
    help: "Longest argument of a request (the server's proto-max-bulk-len).",
  },
  clientOutputPause: {
    default: MEBIBYTE,
    ...whole(1024, MOST_BYTES),
    unit: 'bytes',
    help: 'Replies that wait for a client before its next requests are left unread.',
    runtime: true,
  },
  clientOutputLimit: {
    default: 256 * MEBIBYTE,
    ...whole(64 * 1024, MOST_BYTES),
    unit: 'bytes',
    help: 'Replies that wait for a client before it is disconnected.',
    runtime: true,
  },
  subscriberOutputLimit: {
    default: 32 * MEBIBYTE,
    ...whole(0, MOST_BYTES),
    unit: 'bytes',
    help: 'What may wait for a subscribed client before it is disconnected; 0: no limit but clientOutputLimit.',
    runtime: true,
  },
  subscriberOutputSoftLimit: {
    default: 8 * MEBIBYTE,
    ...whole(0, MOST_BYTES),
    unit: 'bytes',
    help: 'What may wait for a subscribed client for subscriberOutputSoftTime before it is disconnected; 0: no such limit.',
    runtime: true,
  },
  subscriberOutputSoftTime: {
    default: 60_000,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'How long more than subscriberOutputSoftLimit may wait for a subscribed client.',
    runtime: true,
  },
  onSubscriptionGap: {
    default: 'keep',
    ...oneOf<GapPolicy>('keep', 'disconnect'),
    help: 'What becomes of subscribed clients when messages may have been lost to them: they stay connected, or are disconnected so that they read their data anew.',
    runtime: true,
  },
  nodeOutputPause: {
    default: 4 * MEBIBYTE,
    ...whole(1024, MOST_BYTES),
    unit: 'bytes',
    help: 'Requests that wait for a node before clients that send to it are left unread.',
  },
  requestTimeout: {
    default: 60_000,
    ...whole(100, DAY),
    unit: 'ms',
    help: 'Time that a half sent request may stand still before its client is disconnected.',
    runtime: true,
  },
  idleTimeout: {
    default: 0,
    ...whole(0, DAY),
    unit: 'ms',
    help: 'Time after which an idle client is disconnected; 0: never.',
    runtime: true,
  },
  memoryLimit: {
    default: 1024 * MEBIBYTE,
    ...whole(0, MOST_BYTES),
    unit: 'bytes',
    help: 'What all clients together may have buffered before no more is read, and no new client let in; 0: no limit. Of all threads; one that has less than its share goes on.',
    runtime: true,
  },
  program: {
    default: undefined,
    check: plainObject,
    expected: 'an object of type ProgramHooks, or nothing',
    help: 'What the program around the proxy lends to the PROXY command: its own settings, reload, shutdown, log.',
  },
}
