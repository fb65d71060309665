import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './authority.ts'
import { freePort } from './free-port.ts'
import { type RealServer, startServer } from './real-server.ts'

const FORM_LIMIT_MS = 20_000
const POLL_MS = 40

/** Two masters of `redis-server` that speak TLS to each other, beside TCP. */
export class TlsCluster {
  /** Where the files are, and others may be until it stops. */
  readonly directory: string
  /** The files of an own authority, and of a certificate by it that all servers have. */
  readonly files: Readonly<Record<'ca' | 'cert' | 'key', string>>
  readonly servers: readonly RealServer[]
  /** Where the servers speak TLS, in their order. */
  readonly ports: readonly number[]

  private constructor(
    directory: string,
    files: TlsCluster['files'],
    servers: readonly RealServer[],
    ports: readonly number[]
  ) {
    this.directory = directory
    this.files = files
    this.servers = servers
    this.ports = ports
  }

  /** Starts it, and waits until both know each other and all slots. */
  static async start(options: { password?: string } = {}): Promise<TlsCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'redis-cluster-proxy-'))
    const files = makeCertificates(directory)
    const servers: RealServer[] = []
    const ports = [await freePort(), await freePort()]
    for (const port of ports) {
      const config = {
        'cluster-enabled': 'yes',
        'tls-port': port,
        'tls-cluster': 'yes',
        'tls-ca-cert-file': files.ca,
        'tls-cert-file': files.cert,
        'tls-key-file': files.key,
      }
      servers.push(await startServer({ ...options, config }))
    }
    const cluster = new TlsCluster(directory, files, servers, ports)
    const [first, second] = servers as [RealServer, RealServer]
    await second.call('CLUSTER', 'SET-CONFIG-EPOCH', 2)
    await first.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8191)
    await second.call('CLUSTER', 'ADDSLOTSRANGE', 8192, 16383)
    await first.call('CLUSTER', 'MEET', '127.0.0.1', ports[1]!)
    for (const server of servers) await whenServing(server)
    return cluster
  }

  /** Ends both and removes what they wrote. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
    rmSync(this.directory, { recursive: true })
  }
}

/** Nodes tell nobody when the cluster is complete: one is asked until it says so. */
async function whenServing(server: RealServer): Promise<void> {
  const limit = Date.now() + FORM_LIMIT_MS
  for (;;) {
    const info = String(await server.call('CLUSTER', 'INFO'))
    if (/cluster_state:ok/.test(info) && /cluster_known_nodes:2/.test(info)) return
    if (Date.now() > limit) throw new Error(`${server.address}: not within the limit: ${info}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
