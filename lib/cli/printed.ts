import { type Flag, flagIn } from './arguments.ts'
import type { Configuration } from './configuration.ts'
import { programOptions } from './program-options.ts'

const SECRET = /^(?:auth|password|credentials|tls|node-tls|users)$/

function quoted(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  const text = String(value)
  return text === '' || /[\s"'#\\]/.test(text) ? JSON.stringify(text) : text
}

function written(name: string, value: unknown): string[] {
  if (name === 'unixsocketperm') return [Number(value).toString(8)]
  if (Array.isArray(value)) return value.map(quoted)
  if (typeof value !== 'object' || value === null) return [quoted(value)]
  return Object.entries(value).map(([from, to]) => `${quoted(from)} ${quoted(to)}`)
}

/** What `--print-config` prints: the configuration in force, as directives; defaults as comments, secrets masked. */
export function printedConfiguration(configuration: Configuration): string {
  const lines = programOptions.flatMap(({ name, commandLineOnly }) => {
    const { value, source } = configuration.find(name)
    if (commandLineOnly === true) return []
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
      return [`# ${name}`]
    }
    if (SECRET.test(name)) return [`# ${name} (from the ${source}, not shown)`]
    const mark = source === 'default' ? '# ' : ''
    return written(name, value).map((text) => `${mark}${name} ${text}`)
  })
  return `${lines.join('\n')}\n`
}

/** The command line as everybody may see it who lists the processes of the machine; undefined where it tells no secret. */
export function printedArguments(words: readonly string[]): string | undefined {
  let secret = false
  const shown = words.map((word, index) => {
    const before = secretFlag(words[index - 1])
    if (before !== undefined && before.attached === undefined) return '***'
    const flag = secretFlag(word)
    if (flag === undefined) return word
    secret = true
    const { attached } = flag
    return attached === undefined ? word : `${word.slice(0, word.length - attached.length)}***`
  })
  return secret ? shown.join(' ') : undefined
}

function secretFlag(word = ''): Flag | undefined {
  if (!/^-./.test(word)) return undefined
  const found = flagIn(word)
  return found.option !== undefined && SECRET.test(found.option.name) ? found : undefined
}
