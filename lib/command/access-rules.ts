/**
 * What users may do, in the words of Redis's ACL.
 *
 * @module
 */

import { Catalogue } from './catalogue.ts'
import type { CommandSpec } from './spec.ts'

/** One word such as `+@read`, `-keys` or `+config|get`. Of several that concern a command the last one decides. */
export interface AccessRule {
  readonly allow: boolean
  /** `@read`, `config|get` or `keys`, lower case. */
  readonly subject: string
}

/** Categories that modules and servers after 7.0 add. */
const LATER_CATEGORIES =
  '@array @bloom @cms @cuckoo @json @rawread @search @tdigest @timeseries @topk @vectorset'
/** What the proxy has and no server knows. */
const OWN_COMMANDS = new Set(['proxy'])

const EVERYTHING = '@all'

/** Categories by their names; those that no command has are most often mistyped. */
function categories(): ReadonlySet<string> {
  const found = new Set([EVERYTHING, ...LATER_CATEGORIES.split(' ')])
  for (const spec of Catalogue.builtIn().all()) for (const each of spec.categories) found.add(each)
  return found
}

function isKnown(subject: string, allow: boolean): boolean {
  if (subject.startsWith('@')) return categories().has(subject)
  if (OWN_COMMANDS.has(subject) || Catalogue.builtIn().get(subject) !== undefined) return true
  // A module or a newer server may have it. But who denies a command that is mistyped would deny nothing.
  return allow ? /^[a-z][\w.|-]*$/.test(subject) : /^[a-z][\w|-]*\.[\w.|-]+$/.test(subject)
}

/** Reads a word of the ACL; undefined if it is none, or denies what nobody knows. */
export function accessRule(word: string): AccessRule | undefined {
  const plain = word.toLowerCase()
  if (plain === 'allcommands') return { allow: true, subject: EVERYTHING }
  if (plain === 'nocommands') return { allow: false, subject: EVERYTHING }
  const allow = plain.startsWith('+')
  const subject = plain.slice(1)
  if ((!allow && !plain.startsWith('-')) || !isKnown(subject, allow)) return undefined
  return { allow, subject }
}

/** Whether rules allow a command; without any that concerns it they do not. */
export function isAllowed(rules: readonly AccessRule[], spec: CommandSpec): boolean {
  for (let i = rules.length - 1; i >= 0; i--) {
    const { allow, subject } = rules[i]!
    if (concerns(subject, spec)) return allow
  }
  return false
}

function concerns(subject: string, { name, categories: own }: CommandSpec): boolean {
  if (subject.startsWith('@')) return subject === EVERYTHING || own.has(subject)
  return name === subject || name.startsWith(`${subject}|`)
}

/** The rules as ACL LIST tells them. */
export function rulesText(rules: readonly AccessRule[]): string {
  const words = rules.map(({ allow, subject }) => `${allow ? '+' : '-'}${subject}`)
  // What comes before a word about all commands decides nothing.
  const last = rules.findLastIndex(({ subject }) => subject === EVERYTHING)
  const told = words.slice(Math.max(0, last))
  return (last < 0 ? [`-${EVERYTHING}`, ...told] : told).join(' ')
}
