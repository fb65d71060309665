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
