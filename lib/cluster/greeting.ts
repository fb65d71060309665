import { frameRequest } from '../resp/request-reader.ts'
import type { Credentials } from '../settings.ts'
import { kindOf, LANES } from './lanes.ts'

/**
 * What a connection begins with. Servers before 6 know AUTH with a password only. READONLY lets a replica serve reads; without it each is
 * answered with MOVED.
 */
export function greeting(lane: number, credentials: Credentials | undefined): readonly Buffer[] {
  const kind = kindOf(lane)
  const steps: string[][] = []
  const { username, password } = credentials ?? {}
  const auth = password === undefined ? [] : ['AUTH', username ?? 'default', password]
  if (kind === LANES.resp3 || kind === LANES.resp3Replica) steps.push(['HELLO', '3', ...auth])
  else if (password !== undefined) steps.push(username === undefined ? ['AUTH', password] : auth)
  if (kind === LANES.resp2Replica || kind === LANES.resp3Replica) steps.push(['READONLY'])
  return steps.map((step) => frameRequest(step).buffer)
}

/** What a server answers to AUTH that has no password, yet: it lets us in all the same. The second form is that of servers before 6. */
const NO_PASSWORD_NEEDED =
  /^ERR (?:AUTH <password> called without any password|Client sent AUTH, but no password)/

/** Whether an error in answer to the greeting means that the connection may not be used. */
export function isRefusal(error: string): boolean {
  return !NO_PASSWORD_NEEDED.test(error)
}

/** What a server writes to a connection that it closes at once: too many clients, or protected mode. */
const TURNED_AWAY = /^(?:ERR max number of clients|DENIED )/

/** Whether an error that is the first reply on a connection answers nothing, but turns the connection away. */
export function isTurnedAway(error: string): boolean {
  return TURNED_AWAY.test(error)
}
