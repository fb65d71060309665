import type { Configuration } from './configuration.ts'
import { optionNamed, programOptions } from './program-options.ts'

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

/** A word of the command line that is a flag with a secret: its name, and whether the value is in it too. */
const FLAG = /^--?([A-Za-z][\w-]*)(=)?/

/** The command line as everybody may see it who lists the processes of the machine; undefined where it tells no secret. */
export function printedArguments(words: readonly string[]): string | undefined {
  let secret = false
  const shown = words.map((word, index) => {
    if (secretFlag(words[index - 1])?.apart === true) return '***'
    const flag = secretFlag(word)
    if (flag === undefined) return word
    secret = true
    return flag.apart ? word : `${flag.text}***`
  })
  return secret ? shown.join(' ') : undefined
}

/** The flag of a secret, and whether its value is the next word. */
function secretFlag(word = ''): { text: string; apart: boolean } | undefined {
  const [text, name = '', equals] = FLAG.exec(word) ?? []
  if (text === undefined) return undefined
  if (word.startsWith('--')) {
    const option = optionNamed(name)
    if (option === undefined || !SECRET.test(option.name)) return undefined
    return { text, apart: equals === undefined }
  }
  const option = programOptions.find(({ short }) => short === word[1])
  if (option === undefined || !SECRET.test(option.name)) return undefined
  return { text: word.slice(0, 2), apart: word.length === 2 }
}
