import type { KeyWatch, TrackedKey, WatchSink } from '../cluster/key-watch.ts'
import { identityOf, ownerOf, trackingOf } from '../cluster/lanes.ts'
import type { SlotCache, SlotMove } from '../cluster/slot-cache.ts'
import type { ProtocolVersion } from '../resp/encode.ts'
import type { Request } from '../router/request.ts'
import type { Settings } from '../settings.ts'
import {
  brokenRedirect,
  invalidationMessage,
  invalidationPush,
  messageFor,
} from './invalidation-message.ts'
import { Tracking, type TrackingClient, type TrackingHost } from './tracking.ts'
import { type TrackedRead, TrackingGroup } from './tracking-group.ts'

/** What {@link Invalidations} work with. */
export interface InvalidationParts {
  readonly settings: Pick<Settings, 'trackingTableMaxKeys' | 'connectTimeout'>
  readonly cache: Pick<SlotCache, 'owner' | 'masters'>
  /** A connected client by its number. */
  client(id: number): TrackingClient | undefined
  /** Asks the other threads whether one of them serves a client, and has it told; undefined where there are none. */
  elsewhere(words: readonly Buffer[]): Promise<boolean> | undefined
  /** Asks the owner of a slot over a lane whether keys exist, which has them watched; the raw reply. */
  exists(slot: number, keys: readonly Buffer[], lane: number): Promise<Buffer>
}

/** A client that waits until nodes watch what it is to be told of. */
interface Settling {
  readonly tracking: Tracking
  done(refusal?: string): void
}

type Group = TrackingGroup<Tracking>
const COLON = 58

/**
 * Tells clients of changed keys (`CLIENT TRACKING`). Nodes watch what is read over the lanes of such clients, for the lane as a whole; which of
 * its clients read what is known here. A client is told behind the reply that it could have kept, and of everything that was missed.
 */
export class Invalidations implements WatchSink, TrackingHost {
  readonly #parts: InvalidationParts
  readonly #groups: Map<number, Group> = new Map()
  readonly #settling: Set<Settling> = new Set()
  /** Clients of broadcasts in a new lane whose prefixes some node does not watch for it yet. */
  readonly #moved: Set<Tracking> = new Set()

  constructor(parts: InvalidationParts) {
    this.#parts = parts
  }

  /** Keys that clients are to be told of. */
  get size(): number {
    let size = 0
    for (const { keys } of this.#groups.values()) size += keys.size
    return size
  }

  /** Lanes of which clients are to be told. */
  get lanes(): number {
    return this.#groups.size
  }

  /** A client's new choice, to be put in force with {@link begin}. */
  tracking(client: TrackingClient): Tracking {
    return new Tracking(client, this)
  }

  /** Puts a client's choice in force; a promise when nodes must be told first, of the words of one that refuses. */
  begin(tracking: Tracking): Promise<string | undefined> | undefined {
    this.place(tracking)
    const { group } = tracking
    if (group === undefined || !group.tracked.broadcast || this.#covers(group, tracking)) return
    tracking.settling = true
    return new Promise((resolve) => {
      const entry: Settling = {
        tracking,
        done: (refusal) => {
          clearTimeout(timer)
          this.#settling.delete(entry)
          tracking.settling = false
          resolve(refusal)
        },
      }
      // A node that comes later has all told to forget what they know.
      const timer = setTimeout(() => entry.done(), this.#parts.settings.connectTimeout)
      this.#settling.add(entry)
    })
  }

  #covers({ watches }: Group, { prefixes }: Tracking): boolean {
    return watches.every((watch) => watch.covers(prefixes))
  }

  /** Puts a client where it belongs by its protocol version and its choice. */
  place(tracking: Tracking): void {
    const { lane } = tracking.client.session
    const former = tracking.group
    if (former?.tracked.broadcast === true) former.clients.delete(tracking)
    const group = trackingOf(lane) === undefined ? undefined : this.#group(lane)
    tracking.group = group
    group?.clients.add(tracking)
    if (former !== group && former !== undefined) this.#listen(former)
    if (group !== undefined) this.#listen(group)
    // What it read while it could not be told nobody watched: it learns that behind the reply to what changed this.
    if (former === undefined && tracking.active) queueMicrotask(() => this.#forget(tracking))
    if (former === group || former === undefined) return
    this.#drop(former)
    if (group?.tracked.broadcast !== true) return
    this.#moved.add(tracking)
    this.#checkMoved()
  }

  /** What changed while a client went from lane to lane is not told by either of them. */
  #checkMoved(): void {
    for (const tracking of this.#moved) {
      if (tracking.group !== undefined && !this.#covers(tracking.group, tracking)) continue
      this.#moved.delete(tracking)
      this.#forget(tracking)
    }
  }

  /** Lanes of the proxy's own user are shared, and come back. */
  #drop({ clients, lane }: Group): void {
    const passing = identityOf(lane) !== 0 || ownerOf(lane) !== 0
    if (passing && clients.size === 0) this.#groups.delete(lane)
  }

  #group(lane: number): Group {
    let group = this.#groups.get(lane)
    if (group === undefined) {
      group = new TrackingGroup<Tracking>(lane, trackingOf(lane)!)
      this.#groups.set(lane, group)
    }
    return group
  }

  /** For broadcasts: has all masters listened to, as long as anybody wants it. */
  #listen(group: Group): void {
    if (!group.tracked.broadcast) return
    const { lane } = group
    const masters = group.clients.size > 0 ? this.#parts.cache.masters() : []
    const watches = masters.flatMap((node) => {
      const its = node.lane(lane)
      const watch = node.watch(lane)
      if (watch === undefined) return []
      watch.wanted = true
      its.dial()
      return [watch]
    })
    for (const watch of group.watches) if (!watches.includes(watch)) watch.wanted = false
    for (const watch of new Set([...group.watches, ...watches])) watch.update()
    group.watches = watches
  }

  /** A client's choice is no longer in force. */
  stop(tracking: Tracking): void {
    tracking.stop()
    this.#moved.delete(tracking)
    for (const entry of this.#settling) if (entry.tracking === tracking) entry.done()
    for (const group of this.#groups.values()) {
      if (!group.clients.delete(tracking)) continue
      group.keys.leave(tracking)
      this.#listen(group)
      this.#drop(group)
    }
  }

  // What nodes say

  onInvalidate({ lane }: KeyWatch, keys: readonly TrackedKey[] | undefined): void {
    const group = this.#groups.get(lane)
    if (group === undefined) return
    if (keys === undefined) this.#forgetAll(group)
    else if (group.tracked.broadcast) this.#broadcast(group, keys, undefined)
    else for (const key of keys) this.#changed(group, key, undefined)
  }

  onGap({ lane }: KeyWatch): void {
    const group = this.#groups.get(lane)
    if (group === undefined) return
    this.#forgetAll(group)
    // Who has gone to another lane has nothing here any more.
    for (const tracking of group.clients) {
      if (tracking.group !== group && !tracking.isReading(group)) group.clients.delete(tracking)
    }
    this.#drop(group)
  }

  onRefused(watch: KeyWatch, text: string): void {
    const group = this.#groups.get(watch.lane)
    if (group?.tracked.broadcast !== true) return
    // Those for whom that is news would take what they know for what is.
    if (text.startsWith('NOPERM '))
      for (const { client, settling, prefixes } of group.clients)
        if (!settling && !watch.covers(prefixes)) client.closeAfterReplies()
    for (const { tracking, done } of [...this.#settling]) if (tracking.group === group) done(text)
  }

  onGuarded(): void {
    this.#checkMoved()
    for (const { tracking, done } of [...this.#settling]) {
      if (tracking.group === undefined || this.#covers(tracking.group, tracking)) done()
    }
  }

  prefixes(lane: number): readonly string[] {
    const all = [...(this.#groups.get(lane)?.clients ?? [])].flatMap(({ prefixes }) => prefixes)
    const shortest = [...new Set(all)].sort((a, b) => a.length - b.length)
    return shortest.filter(
      (prefix, i) => !shortest.slice(0, i).some((shorter) => prefix.startsWith(shorter))
    )
  }

  /** Slots have other owners, or keys of one are elsewhere already: what was read of them is watched by nobody. */
  onMoves(moves: readonly Pick<SlotMove, 'slot'>[]): void {
    if (this.#groups.size === 0) return
    const slots = new Set(moves.map(({ slot }) => slot))
    for (const group of this.#groups.values()) {
      group.noteLoss(slots)
      const lost = new Map<Tracking, string[]>()
      for (const slot of slots) {
        for (const [name, owners] of group.keys.takeSlot(slot)) {
          for (const owner of owners) {
            const names = lost.get(owner)
            if (names === undefined) lost.set(owner, [name])
            else names.push(name)
          }
        }
      }
      for (const [owner, names] of lost) this.tell(owner, names)
      this.#listen(group)
    }
  }

  #changed(group: Group, key: TrackedKey, by: Tracking | undefined): void {
    group.noteChange(key.name)
    for (const owner of group.keys.take(key)) {
      if (owner === by) group.keys.add(key, owner)
      else this.tell(owner, [key.name])
    }
  }

  #broadcast(group: Group, keys: readonly TrackedKey[], by: Tracking | undefined): void {
    const names = keys.map(({ name }) => name)
    for (const name of names) group.noteChange(name)
    for (const tracking of group.clients) {
      if (tracking === by) continue
      for (const prefix of tracking.prefixes) {
        const found = names.filter((name) => name.startsWith(prefix))
        if (found.length > 0) this.tell(tracking, found)
      }
    }
  }

  #forgetAll(group: Group): void {
    group.noteLoss()
    group.keys.clear()
    for (const tracking of group.clients) this.#forget(tracking)
  }

  /** Who has asked nothing since it was told the same has nothing to forget. */
  #forget(tracking: Tracking): void {
    if (tracking.clean || tracking.settling) return
    tracking.clean = true
    if (!tracking.absorbFlush()) this.tell(tracking, undefined)
  }

  // What clients do

  tell(tracking: Tracking, keys: readonly string[] | undefined): void {
    if (!tracking.active) return
    const { client, redirect } = tracking
    const { protocol } = client.session
    if (redirect === 0) {
      if (protocol === 3) client.pushBehind(invalidationPush(keys, protocol))
      return
    }
    if (this.#tellOther(redirect, keys, protocol)) return
    const elsewhere = this.#parts.elsewhere(messageFor(redirect, keys, protocol))
    if (elsewhere === undefined) broke(tracking)
    else
      void elsewhere.then((told) => {
        if (!told && tracking.active) broke(tracking)
      })
  }

  /** Tells a client of this proxy in the place of another; false if there is none of that number. */
  #tellOther(id: number, keys: readonly string[] | undefined, protocol: ProtocolVersion): boolean {
    const target = this.#parts.client(id)
    if (target?.session.protocol === 3) target.pushBehind(invalidationPush(keys, protocol))
    else if (target !== undefined && isSubscribed(target.subscriptions))
      target.pushBehind(invalidationMessage(keys, protocol))
    return target !== undefined
  }

  /** Whether another thread serves a client; undefined where there are none. */
  isElsewhere(id: number): Promise<boolean> | undefined {
    return this.#parts.elsewhere([Buffer.from(String(id))])
  }

  /** Does for another thread what {@link InvalidationParts.elsewhere} asks: whether the client is here. */
  onElsewhere(words: readonly Buffer[]): boolean {
    const [id, protocol, what, ...keys] = words.map((word) => word.toString('latin1'))
    if (what === undefined) return this.#parts.client(Number(id)) !== undefined
    return this.#tellOther(Number(id), what === 'all' ? undefined : keys, protocol === '3' ? 3 : 2)
  }

  remember(group: Group, key: TrackedKey, tracking: Tracking): void {
    group.keys.add(key, tracking)
    const { trackingTableMaxKeys } = this.#parts.settings
    if (trackingTableMaxKeys === 0 || this.size <= trackingTableMaxKeys) return
    for (const each of this.#groups.values()) {
      const { oldest } = each.keys
      if (oldest === undefined) continue
      this.#changed(each, oldest, undefined)
      return
    }
  }

  isGuarded({ lane }: Group, { slot }: TrackedKey, { node }: Request): boolean {
    const owner = this.#parts.cache.owner(slot)
    return owner?.watch(lane)?.guarded === true && (node === undefined || node === owner)
  }

  async touch({ lane }: Group, keys: readonly TrackedKey[]): Promise<boolean> {
    const names = keys.map(({ name }) => Buffer.from(name, 'latin1'))
    return (await this.#parts.exists(keys[0]!.slot, names, lane))[0] === COLON
  }

  onWritten({ group, written }: TrackedRead<Tracking>, by: Tracking): void {
    if (group.clients.size < 2) return
    if (written === 'unknown') {
      group.noteLoss()
      for (const tracking of group.clients) if (tracking !== by) this.#forget(tracking)
    } else if (group.tracked.broadcast) this.#broadcast(group, written ?? [], by)
    else for (const key of written ?? []) this.#changed(group, key, by)
  }
}

function isSubscribed({ channel, pattern, shard }: TrackingClient['subscriptions']): boolean {
  return channel + pattern + shard > 0
}

/** The client that should have been told is gone. */
function broke(tracking: Tracking): void {
  tracking.broken = true
  const { client, redirect } = tracking
  if (client.session.protocol === 3) client.pushBehind(brokenRedirect(redirect))
}
