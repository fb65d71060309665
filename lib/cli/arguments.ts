import { type Entry, refused, unknownOption } from './configuration.ts'
import { optionNamed, type ProgramOption, programOptions } from './program-options.ts'

/** What the command line says. */
export interface Arguments {
  /** Options and entry points. */
  readonly entries: readonly Entry[]
  /** The configuration file; `-` for standard input, empty for none. */
  readonly file: string
  /** What to do instead of serving clients. */
  readonly action: 'serve' | 'help' | 'short-help' | 'version' | 'check-config' | 'print-config'
}

const ACTIONS: Readonly<Record<string, Arguments['action']>> = {
  '-h': 'short-help',
  '--help': 'help',
  '-v': 'version',
  '--version': 'version',
  '--check-config': 'check-config',
  '--print-config': 'print-config',
}

/** Reads the command line; blanks or commas stand between nodes. */
export function readArguments(words: readonly string[]): Arguments {
  const entries: Entry[] = []
  const nodes: string[] = []
  let action: Arguments['action'] = 'serve'
  let onlyNodes = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!onlyNodes && word === '--') onlyNodes = true
    else if (onlyNodes || !/^-./.test(word)) nodes.push(word)
    else if (ACTIONS[word] !== undefined) action = strongest(action, ACTIONS[word])
    else at += readFlag(word, words[at + 1], entries)
  }
  const cluster = optionNamed('cluster')!
  if (nodes.length > 0) entries.push({ option: cluster, written: nodes, origin: 'node' })
  const files = entries.filter(({ option }) => option.name === 'config')
  return {
    entries: entries.filter(({ option }) => option.name !== 'config'),
    file: String(files.at(-1)?.written ?? ''),
    action,
  }
}

/** The help is shown whatever else is asked for. */
function strongest(one: Arguments['action'], other: Arguments['action']): Arguments['action'] {
  return one.endsWith('help') ? one : other
}

/** A word of the command line that is a flag: `--name`, `--name=value`, `-n` or `-nvalue`. */
export interface Flag {
  /** As it is written, without the value. */
  readonly flag: string
  /** Undefined if there is none of this name. */
  readonly option: ProgramOption | undefined
  /** The value if it is in the same word. */
  readonly attached: string | undefined
}

/** Takes a word apart that begins with a dash and has more. */
export function flagIn(word: string): Flag {
  if (!word.startsWith('--')) {
    const option = programOptions.find(({ short }) => short === word[1])
    return { flag: word.slice(0, 2), option, attached: word.slice(2) || undefined }
  }
  const equals = word.indexOf('=')
  const flag = equals < 0 ? word : word.slice(0, equals)
  const attached = equals < 0 ? undefined : word.slice(equals + 1)
  return { flag, option: optionNamed(flag.slice(2)), attached }
}

/** Reads a flag and its value; gives how many words after the flag it took. */
function readFlag(word: string, next: string | undefined, entries: Entry[]): number {
  const { flag, option, attached } = flagIn(word)
  if (option === undefined) {
    if (ACTIONS[flag] !== undefined) throw refused(flag, 'it takes no value')
    throw unknownOption(flag, flag.replace(/^--?/, ''))
  }
  if (attached !== undefined) {
    entries.push({ option, written: attached, origin: flag })
    return 0
  }
  const isSwitch = option.kind.schema.type === 'boolean' || option.library === 'crossSlot'
  if (isSwitch && !isSwitchWord(next)) {
    entries.push({ option, written: 'yes', origin: flag })
    return 0
  }
  if (next === undefined || next.startsWith('--')) {
    const { kind, argument = 'value' } = option
    throw refused(flag, `it has no value, expected ${kind.expected}, as in '${flag} <${argument}>'`)
  }
  entries.push({ option, written: next, origin: flag })
  return 1
}

/** A word after a switch may be its value, or a node. */
function isSwitchWord(word: string | undefined): boolean {
  return word !== undefined && /^(?:yes|no|true|false|on|off|1|0|gather)$/i.test(word)
}
