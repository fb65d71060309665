/** What {@link ProxyMethods.stats} tells: counters since the start, and gauges of this moment. */
export interface ProxyStats {
  /** Milliseconds since the proxy was created. */
  readonly uptime: number
  /** Clients connected now. */
  readonly clients: number
  /** Connections of clients accepted since the start. */
  readonly connections: number
  /** Connections refused because of `maxClients` or `memoryLimit`. */
  readonly rejectedConnections: number
  /** Commands read since the start. */
  readonly commands: number
  /** Bytes read from clients. */
  readonly bytesRead: number
  /** Bytes written to clients. */
  readonly bytesWritten: number
  /** Redirects followed. */
  readonly redirects: number
  /** Reads that were answered along with another one (option `coalesce`). */
  readonly coalesced: number
  /** Bytes that all clients together have buffered, as of the last second. */
  readonly bufferedBytes: number
  /** The nodes that are in use. */
  readonly nodes: readonly NodeStats[]
}

/** A node in {@link ProxyStats}. */
export interface NodeStats {
  /** `host:port`, as the proxy dials it. */
  readonly address: string
  /** `unknown` before the first connection; `retired` when it left the cluster and still owes replies. */
  readonly status: 'unknown' | 'up' | 'down' | 'retired'
  /** Requests in flight to it, or waiting for a connection. */
  readonly pending: number
}
