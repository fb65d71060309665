/**
 * The numbers of lanes: a lane is one connection to a node that requests share. The number tells the kind, whose rights the commands have, and which
 * client the lane belongs to, if it is not for all.
 *
 * @module
 */

/** The kinds of lanes. Clients that track keys have {@link trackedKind} besides. */
export const LANES = {
  /** Clients that speak RESP2. */
  resp2: 0,
  /** Clients that speak RESP3. */
  resp3: 1,
  /** The proxy's own questions, always RESP2. */
  control: 2,
  /** Clients that speak RESP2, reading from a replica: begins with READONLY. */
  resp2Replica: 3,
  /** Clients that speak RESP3, reading from a replica. */
  resp3Replica: 4,
  /** Passwords of clients are tried here, and nothing else is ever sent: after the greeting nobody knows as whom the connection speaks. */
  trial: 5,
} as const

/** From a client's lane to its lane on a replica. */
export const TO_REPLICA = 3

/** The first of the eight kinds for clients that track keys. */
const FIRST_TRACKED = 8
/** Numbers that each identity has for its lanes, one for each kind. Those below are the proxy's own user's, shared by its clients. */
export const LANES_EACH = 16
/** As many numbers there are for identities; the first is the proxy's own user's. */
export const IDENTITIES = 65536

/** The lane of a kind. `identity`: 0 for the proxy's own user; `client`: who has the lane for itself, 0 for all. */
export function laneOf(kind: number, identity: number, client: number): number {
  return kind + LANES_EACH * (identity + IDENTITIES * client)
}

/** The kind of a lane, whoever uses it. */
export function kindOf(lane: number): number {
  return lane % LANES_EACH
}

/** The number of the identity that a lane belongs to; 0 is the proxy's own. */
export function identityOf(lane: number): number {
  return Math.floor(lane / LANES_EACH) % IDENTITIES
}

/** The client that has a lane for itself; 0 for a lane that is shared. */
export function ownerOf(lane: number): number {
  return Math.floor(lane / (LANES_EACH * IDENTITIES))
}

/** What the clients of a lane have in common that are told when keys change (`CLIENT TRACKING`). */
export interface TrackedLane {
  readonly protocol: 2 | 3
  /** Whether they are told of all keys with a prefix (`BCAST`), and not of those that they read. */
  readonly broadcast: boolean
  /** Whether they are not told of what they change themselves (`NOLOOP`). */
  readonly noLoop: boolean
}

/** The kind of lane of clients that track keys. */
export function trackedKind({ protocol, broadcast, noLoop }: TrackedLane): number {
  return FIRST_TRACKED + (protocol - 2) + 2 * Number(noLoop) + 4 * Number(broadcast)
}

/** How the clients of a lane track keys; undefined for a lane of others. */
export function trackingOf(lane: number): TrackedLane | undefined {
  const bits = kindOf(lane) - FIRST_TRACKED
  if (bits < 0) return undefined
  return { protocol: bits & 1 ? 3 : 2, noLoop: (bits & 2) !== 0, broadcast: (bits & 4) !== 0 }
}

/** The lane of the same protocol version and identity whose connection tracks nothing, and is for all. */
export function plainLane(lane: number): number {
  const { protocol } = trackingOf(lane) ?? {}
  const kind = protocol === undefined ? kindOf(lane) : protocol === 3 ? LANES.resp3 : LANES.resp2
  return laneOf(kind, identityOf(lane), 0)
}
