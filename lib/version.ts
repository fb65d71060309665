import { readFileSync } from 'node:fs'

/** Version of this package, such as `1.2.3`; `0.0.0` where its `package.json` is not beside it, as in a bundle. */
export const version: string = read()

function read(): string {
  try {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    const found = (JSON.parse(text) as { name?: string; version?: string }) ?? {}
    return found.name === 'redis-cluster-proxy' ? (found.version ?? '0.0.0') : '0.0.0'
  } catch {
    return '0.0.0'
  }
}
