import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Certificates by OpenSSL: an authority, and one for 127.0.0.1 and localhost that it has signed. */
export function makeCertificates(directory: string): Record<'ca' | 'cert' | 'key', string> {
  const path = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = [
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.crt'),
    '-subj',
    '/CN=test authority',
  ]
  openssl('req', '-x509', ...key, ...authority, '-days', '2')
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const signed = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-days', '2']
  const own = ['-keyout', path('node.key'), '-out', path('node.crt'), '-subj', '/CN=localhost']
  openssl(
    'req',
    '-x509',
    ...key,
    ...own,
    ...names,
    ...signed,
    '-addext',
    'basicConstraints=CA:FALSE'
  )
  return { ca: path('ca.crt'), cert: path('node.crt'), key: path('node.key') }
}
