import dns from 'node:dns'
import net from 'node:net'
import { ProxyError } from '../errors.ts'

/** Networks that addresses told by the cluster may belong to. A node that is not what it should be could name any address at all. */
export class Networks {
  readonly #list: net.BlockList = new net.BlockList()

  /** `10.0.0.0/8`, `fd00::/8`, or single addresses. */
  constructor(networks: readonly string[]) {
    for (const each of networks) {
      const [network = '', prefix] = each.split('/')
      const family = net.isIPv6(network) ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#list.addAddress(network, family)
      else this.#list.addSubnet(network, Number(prefix), family)
    }
  }

  /** Whether an IP address is in one of the networks. IPv4 within IPv6 counts as IPv4. */
  allows(address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
    const version = net.isIP(plain)
    return version !== 0 && this.#list.check(plain, version === 6 ? 'ipv6' : 'ipv4')
  }

  /** Looks a name up as `net.connect` does, and gives only addresses of the networks; it is an error if there is none. */
  readonly lookup: net.LookupFunction = (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      const allowed = (found ?? []).filter(({ address }) => this.allows(address))
      const [first] = allowed
      if (error !== null) callback(error, '', 0)
      else if (first === undefined) callback(notAllowed(hostname), '', 0)
      else if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/** The cluster told an address that is not to be dialled. */
export function notAllowed(host: string): ProxyError {
  return new ProxyError(
    'NODE_CONNECT',
    `the cluster tells the address ${host}, which is in none of allowedNetworks`
  )
}
