import { execFileSync } from 'node:child_process'
import { serverState } from '../../scripts/redis-server.ts'

/**
 * Options for tests that need a real `redis-server`: skipped with the reason where there is none. With `CI=true` they
 * run, and fail.
 */
export const needsServer: { readonly skip?: string } = skipReason()

function skipReason(): { skip?: string } {
  const state = serverState()
  return state.usable || process.env.CI === 'true' ? {} : { skip: state.reason }
}

/** The same for tests of what is made after one version, such as `7.0`: skipped with every other. */
export function needsVersion(version: string): { readonly skip?: string } {
  if (needsServer.skip !== undefined) return needsServer
  const told = execFileSync('redis-server', ['--version'], { encoding: 'utf8' })
  return told.includes(` v=${version}.`)
    ? {}
    : { skip: `is about redis-server ${version}: ${told}` }
}
