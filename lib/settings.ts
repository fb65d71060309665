/**
 * What a host application may set, as types; `options.ts` holds the defaults and checks.
 *
 * @module
 */
import { isIPv6 } from 'node:net'
import type { ConnectionOptions, TlsOptions } from 'node:tls'
import type { ProgramHooks } from './program-hooks.ts'

/** A TCP address. */
export interface HostPort {
  /** Name or IP address; IPv6 without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

/** A UNIX socket. */
export interface SocketPath {
  /** Path of the socket's file. */
  readonly path: string
}

/** Where a node can be dialled: TCP, or a UNIX socket. */
export type NodeAddress = HostPort | SocketPath

/** What an address is mapped to. */
export interface MappedAddress {
  /** Name or IP address. */
  readonly host: string
  /** Without it the port stays as it is. */
  readonly port?: number
}

/**
 * From one address to another. An object: from `'host:port'`, `'host'` or a network such as `'10.0.0.0/8'` to `'host:port'`,
 * `'host'`, `{ host, port? }` or, for IPv4 networks, to another network; without a port the port stays. Or a function, which may
 * return undefined for "as it is".
 */
export type AddressMap =
  | Readonly<Record<string, string | MappedAddress>>
  | ((host: string, port: number) => MappedAddress | undefined)

/** How the proxy names itself to the nodes. */
export interface Credentials {
  /** ACL user; without it the password is that of the default user. */
  readonly username?: string
  /** The password, as it is sent with AUTH or HELLO. */
  readonly password: string
}

/** What a user may do in outline: `read`; `write` too; `admin`: everything, PROXY and the commands of `adminCommands` included. */
export type Rights = 'read' | 'write' | 'admin'

/** A user of the proxy's own. It is told from the users of the cluster by its name alone. */
export interface ProxyUser {
  /** What the client gives to AUTH or HELLO; `default` is the user of clients that give a password only, or nothing. */
  readonly name: string
  /** Passwords of which any will do. They are hashed at once, and not kept. */
  readonly password?: string | readonly string[]
  /** The same as SHA-256, 64 hexadecimal digits each. */
  readonly passwordSha256?: string | readonly string[]
  /** Whether any password will do (`nopass`); a `default` user of the kind needs no AUTH at all. */
  readonly nopass?: boolean
  /** Whether the user may authenticate; true by default. */
  readonly enabled?: boolean
  /** What it may do in outline; nothing by default. One of `rights` and `commands` must be there. */
  readonly rights?: Rights
  /** Words of Redis's ACL, in order and after `rights`: `+@read -keys +config|get`. */
  readonly commands?: string | readonly string[]
  /** Patterns of keys: `~app:*`, `%R~app:*` (reading only), `%W~app:*` (writing only); all keys by default. */
  readonly keys?: string | readonly string[]
  /** Patterns of channels, `&news.*`; all channels by default. */
  readonly channels?: string | readonly string[]
}

/**
 * Where reads go: `master`; `prefer-replica` (the master only where no replica serves); `replica` (never the master, but for a
 * client's own fresh writes); `nearest` by measured round trip; `any`, master and replicas in turn.
 */
export type ReadFrom = 'master' | 'prefer-replica' | 'replica' | 'nearest' | 'any'

/**
 * Commands over several slots: `false` refuses them; `true` splits those that the servers declare to be splittable (MGET, MSET, DEL, UNLINK, EXISTS, TOUCH
 * and what modules declare); `'gather'` also computes set algebra and other pure reads over slots in the proxy.
 */
export type CrossSlot = boolean | 'gather'

/** What becomes of subscribed clients to which messages may have been lost. */
export type GapPolicy = 'keep' | 'disconnect'

/** All settings, with their defaults filled in. */
export interface Settings {
  /** Entry points, at least one. */
  nodes: readonly NodeAddress[]
  /** From announced to dialable addresses. */
  natMap: AddressMap | undefined
  /** From internal to public addresses, for what clients are told. */
  announceMap: AddressMap | undefined
  /** Whether redirects are followed for clients; else they are told them. Default `true`. */
  autoRedirect: boolean
  /** As whom the proxy speaks to the nodes; a function is asked for each new connection. */
  credentials: Credentials | (() => Credentials | Promise<Credentials>) | undefined
  /** Networks of the addresses that the cluster may tell; undefined: any. */
  allowedNetworks: readonly string[] | undefined
  /** TLS towards the nodes. */
  nodeTls: ConnectionOptions | undefined
  /** TLS towards clients: makes the proxy a `tls.Server`. */
  tls: TlsOptions | undefined
  /** Password that clients must give. */
  password: string | undefined
  /** Users of the proxy's own. */
  users: readonly ProxyUser[] | undefined
  /** Whether users that the proxy does not know are tried on the cluster; undefined: as long as there is neither `password` nor `users`. */
  forwardAuth: boolean | undefined
  /** Milliseconds that the next AUTH of an address waits after its first failure. Default `100`. */
  authFailureDelay: number
  /** Whether only clients on this machine are served while no password is set. Default `false`. */
  protectedMode: boolean
  /** Whether connections from trusted peers begin with a PROXY protocol header. Default `false`. */
  proxyProtocol: boolean
  /** Peers that may say whose connection they hand on: addresses, networks, and `unix`. */
  trustedProxies: readonly string[]
  /** Whether clients may speak RESP3. Default `true`. */
  resp3: boolean
  /** Whether CLUSTER presents the proxy as the owner of all slots. Default `true`. */
  clusterEmulation: boolean
  /** The address that CLUSTER replies tell, instead of the one that the client used. */
  announce: HostPort | undefined
  /** Where commands that only read are sent. Default `'master'`. */
  readFrom: ReadFrom
  /** Whether a client reads a slot from the master until the replicas have its own last write to it. Default `true`. */
  readYourWrites: boolean
  /** Milliseconds that a replica may be behind and still be read from. Default `10000`. */
  maxReplicaLag: number
  /** Milliseconds between two looks at how far replicas are behind. Default `1000`. */
  replicaCheckInterval: number
  /** The availability zone whose nodes are read from where there are any. */
  availabilityZone: string | undefined
  /** What becomes of commands over several slots. Default `false`. */
  crossSlot: CrossSlot
  /** Bytes that the replies to the parts of one command may have together. Default 64 MiB. */
  gatherMaxBytes: number
  /** Whether clients may administer the servers: commands flagged `admin` reach every master. Default `false`. */
  adminCommands: boolean
  /** Whether identical reads of several clients, to be written at the same time, become one. Default `false`. */
  coalesce: boolean
  /** Whether clients share connections to the nodes. Default `true`. */
  multiplexing: boolean
  /** Idle private connections to keep, for each node and protocol version. Default `10`. */
  privatePoolSize: number
  /** Whether they are made before anybody asks for one. Default `false`. */
  privatePoolPrefill: boolean
  /** The number below which they are refilled. Default `10`. */
  privatePoolMinSize: number
  /** Milliseconds between two steps of refilling. Default `50`. */
  privatePoolSpawnEvery: number
  /** Connections made in one step. Default `2`. */
  privatePoolSpawnRate: number
  /** Private connections to one node at a time. Default `5000`. */
  maxPrivateConnections: number
  /** Milliseconds to wait for a private connection. Default `5000`. */
  privateWait: number
  /** Milliseconds that a client in MULTI or WATCH may keep its connection without a command; 0: for ever. Default `60000`. */
  transactionIdleTimeout: number
  /** Keys that clients are to be told of when they change; 0: no limit. Default `1000000`. */
  trackingTableMaxKeys: number
  /** Bytes of scripts to remember; 0: none. Default 16 MiB. */
  scriptCacheBytes: number
  /** Milliseconds between two looks at the cluster. Default `30000`. */
  refreshInterval: number
  /** Milliseconds that lie at least between two refreshes. Default `100`. */
  refreshMinInterval: number
  /** Milliseconds for connecting to a node and being greeted. Default `2000`. */
  connectTimeout: number
  /** Milliseconds that a node may be silent while requests are in flight. Default `30000`. */
  commandTimeout: number
  /** Milliseconds for all further attempts at one request, and for waiting for a node that is down. Default `5000`. */
  retryBudget: number
  /** Redirects that one request may meet. Default `16`. */
  maxRedirects: number
  /** Milliseconds before the first new attempt to reach a lost node. Default `50`. */
  reconnectMinDelay: number
  /** Milliseconds that the delay grows to. Default `2000`. */
  reconnectMaxDelay: number
  /** Seconds of idleness after which TCP probes begin. Default `300`. */
  keepAlive: number
  /** Clients at a time. Default `10000`. */
  maxClients: number
  /** Requests of one client that wait for their replies. Default `1024`. */
  maxPipeline: number
  /** Longest argument, bytes. Default 512 MiB. */
  maxBulkLength: number
  /** Bytes that wait to be written to a client before its next requests are left unread. Default 1 MiB. */
  clientOutputPause: number
  /** Bytes that wait for a client before it is disconnected. Default 256 MiB. */
  clientOutputLimit: number
  /** Bytes that may wait for a subscribed client before it is disconnected. Default 32 MiB. */
  subscriberOutputLimit: number
  /** Bytes that may wait for a subscribed client for `subscriberOutputSoftTime`. Default 8 MiB. */
  subscriberOutputSoftLimit: number
  /** Milliseconds for which more than `subscriberOutputSoftLimit` may wait. Default `60000`. */
  subscriberOutputSoftTime: number
  /** Whether subscribed clients stay connected when messages may have been lost to them. Default `'keep'`. */
  onSubscriptionGap: GapPolicy
  /** Bytes that wait to be written to a node before clients that send to it are left unread. Default 4 MiB. */
  nodeOutputPause: number
  /** Milliseconds that a request may stand still half sent. Default `60000`. */
  requestTimeout: number
  /** Milliseconds after which an idle client is disconnected; 0: never. Default `0`. */
  idleTimeout: number
  /** Bytes that all clients together may have buffered; 0: no limit. Default 1024 MiB. */
  memoryLimit: number
  /** What the program around the proxy lends to the PROXY command. */
  program: ProgramHooks | undefined
}

/** What `createClusterProxy` takes: `nodes`, and any other setting. */
export interface ClusterProxyOptions extends Partial<Omit<Settings, 'nodes' | 'users'>> {
  /** Users of the proxy's own, each as an object, or in the words of redis.conf: `'alice on >secret ~app:* +@read'`, as one text or word by word. */
  users?: readonly (ProxyUser | string | readonly string[])[] | undefined
  /**
   * Entry points to the cluster: `'host:port'`, `{ host, port }`, or the path of a UNIX socket; one or several. The first that answers is
   * used, the others stay as a last resort. Names are looked up anew each time. `':7000'` means this machine.
   */
  nodes: string | NodeAddress | readonly (string | NodeAddress)[]
}

/** Whether a value is a TCP port that can be dialled, 1 to 65535. */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535
}

/**
 * Reads `host:port`, `[ipv6]:port`, `ipv6:port` (split at the last colon, as Redis writes it), `:port` (this machine), or, without a colon or
 * with a slash, the path of a UNIX socket. Undefined when it is none of these.
 */
export function parseNodeAddress(text: string): NodeAddress | undefined {
  // A URL is no address: its slashes would make it the path of a socket that nobody listens on.
  if (text === '' || /[\s\0]|:\/\//.test(text)) return undefined
  const colon = text.lastIndexOf(':')
  if (text.includes('/') || colon < 0) return { path: text }
  const digits = text.slice(colon + 1)
  const port = Number(digits)
  if (!/^\d{1,5}$/.test(digits) || !isPort(port)) return undefined
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  if (host.includes(':') && !isIPv6(host)) return undefined
  return { host: host === '' ? '127.0.0.1' : host, port }
}
