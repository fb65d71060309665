/** The lanes that every node has; a lane is one shared connection. Those of another identity have higher numbers: see {@link identityOf}. */
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
/** Numbers that each identity has for its lanes. */
export const LANES_EACH = 8

/** Which of {@link LANES} a lane is, whoever uses it. */
export function kindOf(lane: number): number {
  return lane % LANES_EACH
}

/** The number of the identity that a lane belongs to; 0 is the proxy's own. */
export function identityOf(lane: number): number {
  return Math.floor(lane / LANES_EACH)
}
