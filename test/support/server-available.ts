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
