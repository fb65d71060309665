import { createHash, timingSafeEqual } from 'node:crypto'
import { type AccessRule, accessRule, isAllowed, rulesText } from '../../command/access-rules.ts'
import { fixedAccess, keyAccess } from '../../command/key-access.ts'
import { arityFits, type CommandSpec } from '../../command/spec.ts'
import { isWord } from '../../command/words.ts'
import { replyText } from '../../errors.ts'
import { argument, type RequestView } from '../../resp/request-reader.ts'
import type { ProxyUser, Rights } from '../../settings.ts'
import { channelsOf } from './channels.ts'
import { Patterns } from './patterns.ts'

/**
 * What `rights` stand for. Scripts do what the proxy itself may do, since nobody can tell what they do before: who has limited keys gets them by
 * `commands` only.
 */
const RIGHTS: Readonly<Record<Rights, string>> = {
  read:
    '+@read +@connection +@transaction +@pubsub -publish -spublish +eval_ro +evalsha_ro +fcall_ro ' +
    '-@admin +role +info +command +cluster|info +cluster|slots +cluster|shards +cluster|nodes +cluster|myid ' +
    '+cluster|keyslot +cluster|countkeysinslot +cluster|getkeysinslot +cluster|help +time +lolwut +wait +acl|whoami',
  write: '+@all -@admin -@dangerous +info +role +keys +sort +sort_ro +restore',
  admin: '+@all',
}
const SCRIPTS = '-@scripting'

/** What was found about a command. */
interface Verdict {
  /** What is to be looked at, as bits. */
  readonly bits: number
  /** What the command does with its one key; undefined where that has to be found out. */
  readonly access: number | undefined
}

/** Why somebody was not let do something, in the words of ACL LOG. */
export type DenialReason = 'auth' | 'command' | 'key' | 'channel'

/** What a user is not allowed. */
export interface Blamed {
  readonly reason: DenialReason
  readonly object: Buffer
}

const DENIED = 1
const KEYS = 2
const CHANNELS = 4
const SORT = 8

const positions: number[] = []
const access: number[] = []

/** A user of the proxy's own: who may be it, and what it may do. */
export class Account {
  readonly name: string
  readonly enabled: boolean
  readonly nopass: boolean
  readonly keys: Patterns
  readonly channels: Patterns
  readonly #digests: readonly Buffer[]
  readonly #rules: readonly AccessRule[]
  /** What was found about each command; made once for each. */
  readonly #verdicts: WeakMap<CommandSpec, Verdict> = new WeakMap()

  /** `user` as the option's check gives it. */
  constructor(user: ProxyUser) {
    const { name, rights, enabled = true, nopass = false } = user
    this.name = name
    this.enabled = enabled
    this.nopass = nopass
    this.#digests = [user.passwordSha256 ?? []].flat().map((each) => Buffer.from(each, 'hex'))
    this.keys = new Patterns([user.keys ?? '~*'].flat())
    this.channels = new Patterns([user.channels ?? '&*'].flat())
    const outline = rights === undefined ? [] : RIGHTS[rights].split(' ')
    const limits = rights === undefined || rights === 'admin' || this.keys.all ? [] : [SCRIPTS]
    const words = [...outline, ...limits, ...[user.commands ?? []].flat()]
    this.#rules = words.map(accessRule).filter((rule) => rule !== undefined)
  }

  /** Whether a password is right, given its SHA-256. Takes as long for a wrong one as for a right one. */
  accepts(digest: Buffer): boolean {
    let right = this.nopass
    for (const each of this.#digests) right = timingSafeEqual(each, digest) || right
    return right && this.enabled
  }

  /** How many passwords there are. */
  get passwords(): number {
    return this.#digests.length
  }

  /** Its rules about commands as ACL LIST tells them. */
  get commands(): string {
    return rulesText(this.#rules)
  }

  /** Whether it may run a command, whatever the arguments. */
  mayRun(spec: CommandSpec): boolean {
    return (this.#verdict(spec).bits & DENIED) === 0
  }

  /** Why a request is not for this user, as an error text; undefined when it may be carried out, or is wrong in itself. */
  refusal(spec: CommandSpec, view: RequestView): string | undefined {
    const { bits, access: fixed } = this.#verdict(spec)
    if (bits === 0 || !arityFits(spec, view.argc)) return undefined
    if ((bits & DENIED) !== 0) return replyText.deniedCommand(spec.name)
    if ((bits & KEYS) !== 0) {
      const allowed =
        fixed === undefined
          ? this.#mayUseKeys(spec, view)
          : this.#mayUseKey(view, spec.firstKey, fixed)
      if (!allowed) return replyText.deniedKey
    }
    if ((bits & SORT) !== 0) {
      const option = hiddenKeys(view)
      if (option !== undefined) return replyText.deniedSort(option)
    }
    if ((bits & CHANNELS) === 0) return undefined
    return this.#deniedChannel(spec, view) === undefined ? undefined : replyText.deniedChannel
  }

  /** What a refusal is about, for ACL LOG; undefined for one that is not told there, as by a server. */
  blamed(refusal: string, spec: CommandSpec, view: RequestView): Blamed | undefined {
    if (refusal === replyText.deniedCommand(spec.name)) {
      return { reason: 'command', object: Buffer.from(spec.name) }
    }
    if (refusal === replyText.deniedKey) {
      const count = keyAccess(spec, view, positions, access)
      const at = positions.findIndex((position, i) => {
        return i < count && !this.#mayUseKey(view, position, access[i]!)
      })
      return { reason: 'key', object: argument(view, positions[at]!) }
    }
    const channel = refusal === replyText.deniedChannel && this.#deniedChannel(spec, view)
    return channel ? { reason: 'channel', object: channel } : undefined
  }

  #verdict(spec: CommandSpec): Verdict {
    let verdict = this.#verdicts.get(spec)
    if (verdict === undefined) {
      verdict = { bits: this.#judge(spec), access: fixedAccess(spec) }
      this.#verdicts.set(spec, verdict)
    }
    return verdict
  }

  #judge(spec: CommandSpec): number {
    if (spec.flags.has('no_auth')) return 0
    if (!isAllowed(this.#rules, spec)) return DENIED
    let bits = 0
    const sorts = spec.name === 'sort' || spec.name === 'sort_ro'
    if (!this.keys.all) bits |= sorts ? KEYS | SORT : KEYS
    if (!this.channels.all && channelsOf(spec.name) !== undefined) bits |= CHANNELS
    return bits
  }

  #mayUseKeys(spec: CommandSpec, view: RequestView): boolean {
    const count = keyAccess(spec, view, positions, access)
    for (let i = 0; i < count; i++) {
      if (!this.#mayUseKey(view, positions[i]!, access[i]!)) return false
    }
    return true
  }

  #mayUseKey({ buffer, offsets }: RequestView, position: number, bits: number): boolean {
    return this.keys.allow(buffer, offsets[2 * position]!, offsets[2 * position + 1]!, bits)
  }

  /** The first channel of a command that is not for this user. */
  #deniedChannel(spec: CommandSpec, view: RequestView): Buffer | undefined {
    const { last, pattern } = channelsOf(spec.name)!
    for (let i = 1; i < Math.min(view.argc, last + 1); i++) {
      const channel = argument(view, i)
      if (!this.mayUseChannel(channel, pattern)) return channel
    }
    return undefined
  }

  /** Whether it may use a channel; a pattern it must have just so. */
  mayUseChannel(name: Buffer, pattern: boolean): boolean {
    return pattern ? this.channels.has(name) : this.channels.allow(name, 0, name.length, 0)
  }
}

/** The option of SORT that names keys by what others hold, if there is one. */
function hiddenKeys(view: RequestView): 'BY' | 'GET' | undefined {
  for (let i = 2; i + 1 < view.argc; i++) {
    const by = isWord(view, i, 'by')
    if (by && argument(view, i + 1).includes('*')) return 'BY'
    if (isWord(view, i, 'get') && argument(view, i + 1).toString('latin1') !== '#') return 'GET'
    if (by || isWord(view, i, 'get')) i++
    else if (isWord(view, i, 'limit')) i += 2
  }
  return undefined
}

/** The SHA-256 of a password. */
export function digestOf(password: string | Uint8Array): Buffer {
  return createHash('sha256').update(password).digest()
}
