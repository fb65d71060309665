/** The lanes that every node has; a lane is one shared connection. */
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
} as const

/** From a client's lane to its lane on a replica. */
export const TO_REPLICA = 3

/** What the clients of a lane have in common that are told when keys change (`CLIENT TRACKING`). */
export interface TrackedLane {
  readonly protocol: 2 | 3
  /** Whether they are told of all keys with a prefix (`BCAST`), and not of those that they read. */
  readonly broadcast: boolean
  /** Whether they are not told of what they change themselves (`NOLOOP`). */
  readonly noLoop: boolean
}

/** The first of eight kinds of lanes for clients that track keys. */
const FIRST_TRACKED = 8
/** How many kinds of lanes there may be. */
export const KINDS = 16

/** The lane of a kind that one client has for itself. */
export function ownLane(kind: number, clientId: number): number {
  return kind + KINDS * clientId
}

/** The client that has a lane for itself; 0 for a lane that is shared. */
export function ownerOf(lane: number): number {
  return Math.floor(lane / KINDS)
}

/** The kind of a lane: one of {@link LANES}. What it tracks makes no difference. */
export function kindOf(lane: number): number {
  return plainLane(lane) % KINDS
}

/** The shared lane of clients that track keys. */
export function trackedLane({ protocol, broadcast, noLoop }: TrackedLane): number {
  return FIRST_TRACKED + (protocol - 2) + 2 * Number(noLoop) + 4 * Number(broadcast)
}

/** How the clients of a lane track keys; undefined for a lane of others. */
export function trackingOf(lane: number): TrackedLane | undefined {
  const bits = (lane % KINDS) - FIRST_TRACKED
  if (bits < 0) return undefined
  return { protocol: bits & 1 ? 3 : 2, noLoop: (bits & 2) !== 0, broadcast: (bits & 4) !== 0 }
}

/** The lane of the same protocol version and owner whose connection tracks nothing. */
export function plainLane(lane: number): number {
  const { protocol } = trackingOf(lane) ?? {}
  if (protocol === undefined) return lane
  return ownLane(protocol === 3 ? LANES.resp3 : LANES.resp2, ownerOf(lane))
}
