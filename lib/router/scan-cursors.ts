import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { SlotCache } from '../cluster/slot-cache.ts'
import { isSettled } from './node-view.ts'
import { ScanMap, type Shard, viewOfShard } from './scan-map.ts'
import { type NodeScan, type ScanProgress, startOf } from './scan-progress.ts'
import { SlotSet } from './slot-set.ts'

/** Scans that are remembered because their cursor holds too little; the one that stands still longest is forgotten first. */
const REMEMBERED = 4096
/** Milliseconds after which such a scan is forgotten. */
const LIFETIME = 10 * 60_000
/** Maps that cursors of the short form may still refer to. */
const MAPS = 16
/** Node cursors below this fit into the short form, which stays below 2^63 then. */
const FITTING = 2n ** 32n
const UINT64 = 2n ** 64n
/** Tokens stay below 2^48: clients that keep cursors in a double do not break them. */
const TOKENS = 2 ** 47

const KIND_BITS = 1n
const ANCHOR_BITS = 14n
const MAP_BITS = 16n

/**
 * Cursors of the scan of the whole keyspace: decimal numbers below 2^63, and 0 at both ends only.
 *
 * ```
 *  node's cursor | fingerprint of the map: 16 bits | anchor of the shard: 14 bits | 0
 *                                                random token, a key of the table | 1
 * ```
 *
 * The short form says all as long as no slots move: what lies below the anchor is done. It holds in every proxy that sees the same map, for any time. A map that
 * nobody remembers makes the scan begin anew: elements may come twice, none is missed. What does not fit is kept here and found by its token; a token that is
 * forgotten, or of another proxy, makes the scan begin anew too.
 */
export class ScanCursors {
  readonly #cache: SlotCache
  readonly #clock: Clock
  /** By fingerprint, the latest last. */
  readonly #maps: Map<number, ScanMap> = new Map()
  #map: ScanMap | undefined
  #generation = -1
  /** By token, the latest last. */
  readonly #remembered: Map<number, { progress: ScanProgress; until: number }> = new Map()

  constructor(cache: SlotCache, clock: Clock) {
    this.#cache = cache
    this.#clock = clock
  }

  /** The cursor for a scan that goes on; `slot` as for {@link read}. */
  write(progress: ScanProgress, slot: number): string {
    return String(this.#short(progress, slot >= 0) ?? this.#token(progress))
  }

  /**
   * The scan that a cursor stands for. `slot` is the only one that is scanned, -1 for all. Undefined for what is no cursor.
   */
  read(cursor: Buffer, slot: number): ScanProgress | undefined {
    const value = unsigned(cursor)
    if (value === undefined) return undefined
    const whole = slot < 0 ? SlotSet.all() : SlotSet.of(slot)
    if (value === 0n) return startOf(whole)
    if ((value & 1n) === 0n) return this.#expand(value >> KIND_BITS, slot, whole)
    const entry = this.#remembered.get(Number(value >> KIND_BITS))
    return entry === undefined || entry.until < this.#clock.now ? startOf(whole) : entry.progress
  }

  #short(progress: ScanProgress, single: boolean): bigint | undefined {
    const { left, moving, current } = progress
    const map = this.#current()
    if (moving.size > 0 || this.#maps.get(map.fingerprint) !== map) return undefined
    const lowest = left.lowest()
    const shard = map.shards.find(({ own }) => own.has(lowest))
    if (shard === undefined || !isRegular(progress, shard, single)) return undefined
    const cursor = current?.cursor ?? 0n
    if (cursor >= FITTING) return undefined
    const place = (BigInt(map.fingerprint) << ANCHOR_BITS) | BigInt(shard.anchor)
    const value = ((cursor << (MAP_BITS + ANCHOR_BITS)) | place) << KIND_BITS
    return value === 0n ? undefined : value
  }

  #expand(value: bigint, slot: number, whole: SlotSet): ScanProgress | undefined {
    this.#current()
    const anchor = Number(BigInt.asUintN(Number(ANCHOR_BITS), value))
    const fingerprint = Number(BigInt.asUintN(Number(MAP_BITS), value >> ANCHOR_BITS))
    const cursor = value >> (ANCHOR_BITS + MAP_BITS)
    const map = this.#maps.get(fingerprint)
    if (map === undefined) return startOf(whole)
    const shard = map.shards.find((each) => each.anchor === anchor)
    if (shard === undefined || cursor >= FITTING) return undefined
    // A pattern that leads elsewhere than that of the call before.
    if (slot >= 0 && !shard.own.has(slot)) return startOf(whole)
    const { left, moving } = startOf(slot < 0 ? shard.left : whole)
    if (cursor === 0n) return { left, moving, current: undefined }
    return { left, moving, current: { node: shard.node, begun: viewOfShard(shard), cursor } }
  }

  #token(progress: ScanProgress): number {
    const remembered = this.#remembered
    for (const [oldest, { until }] of remembered) {
      if (remembered.size < REMEMBERED && until >= this.#clock.now) break
      remembered.delete(oldest)
    }
    const token = randomInt(1, TOKENS)
    remembered.set(token, { progress, until: this.#clock.now + LIFETIME })
    return 2 * token + 1
  }

  /** The map of this moment. One whose fingerprint another has cannot be referred to. */
  #current(): ScanMap {
    const { generation } = this.#cache
    if (this.#map !== undefined && this.#generation === generation) return this.#map
    const map = new ScanMap(this.#cache)
    this.#generation = generation
    const known = this.#maps.get(map.fingerprint)
    this.#map = known?.hash === map.hash ? known : map
    if (known !== undefined && known !== this.#map) return map
    this.#maps.delete(map.fingerprint)
    this.#maps.set(map.fingerprint, this.#map)
    for (const oldest of this.#maps.keys()) {
      if (this.#maps.size <= MAPS) break
      this.#maps.delete(oldest)
    }
    return this.#map
  }
}

/** Whether the map says all about a scan: its place is in this shard, everything before is done, and nothing behind. */
function isRegular({ left, current }: ScanProgress, shard: Shard, single: boolean): boolean {
  if (single ? current === undefined : !left.equals(shard.left)) return false
  return current === undefined || isUndisturbed(current, shard)
}

function isUndisturbed({ node, begun }: NodeScan, shard: Shard): boolean {
  return node === shard.node && isSettled(begun) && begun.owned.equals(shard.own)
}

/** A cursor as `strtoul` of the server reads it, but for blanks and for minus signs, which wrap around there. */
function unsigned(cursor: Buffer): bigint | undefined {
  if (cursor.length > 40) return undefined
  const text = cursor.toString('latin1')
  if (!/^(?:\+?\d+)?$/.test(text)) return undefined
  const value = BigInt(text.replace('+', ''))
  return value < UINT64 ? value : undefined
}
