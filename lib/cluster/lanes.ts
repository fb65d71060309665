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

/** How many kinds of lanes there are. */
const KINDS = 5

/** The lane of a kind that one client has for itself. */
export function ownLane(kind: number, clientId: number): number {
  return kind + KINDS * clientId
}

/** The kind of a lane: one of {@link LANES}. */
export function kindOf(lane: number): number {
  return lane % KINDS
}

/** The client that has a lane for itself; 0 for a lane that is shared. */
export function ownerOf(lane: number): number {
  return Math.floor(lane / KINDS)
}

/** From a client's lane to its lane on a replica. */
export const TO_REPLICA = 3
