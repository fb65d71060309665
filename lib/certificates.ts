import type net from 'node:net'
import tls from 'node:tls'
import { ProxyError } from './errors.ts'
import type { Settings } from './settings.ts'

type Secured = Pick<Settings, 'tls' | 'nodeTls'>

/** What Node says about TLS options becomes an error of this package. */
export function usable<Made>(option: keyof Secured, make: () => Made): Made {
  try {
    return make()
  } catch (cause) {
    throw new ProxyError(
      'INVALID_OPTION',
      `option '${option}': Node does not accept it: ${(cause as Error).message}; expected certificates and keys in PEM that fit each other`,
      { cause }
    )
  }
}

/**
 * Has new connections use other certificates, and clients show theirs or not; those that stand stay. Throws `INVALID_OPTION`, before anything is changed, when Node does not accept
 * them or TLS would be switched on or off, which takes a new proxy.
 */
export function renewCertificates(
  server: net.Server,
  before: Secured,
  changes: Partial<Secured>
): void {
  for (const option of ['tls', 'nodeTls'] as const) {
    if (!Object.hasOwn(changes, option)) continue
    if ((changes[option] === undefined) !== (before[option] === undefined)) {
      throw new ProxyError(
        'INVALID_OPTION',
        `option '${option}' cannot be switched on or off while the proxy runs`
      )
    }
    if (changes[option] !== undefined) {
      usable(option, () => tls.createSecureContext(changes[option]))
    }
  }
  if (changes.tls === undefined) return
  const secured = server as tls.Server
  secured.setSecureContext(changes.tls)
  // A context knows whose certificates are right, the server whether clients must have one.
  const { requestCert = false, rejectUnauthorized = true } = changes.tls
  Object.assign(secured, { requestCert, rejectUnauthorized })
}
