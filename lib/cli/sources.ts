/**
 * Where the configuration comes from: the file, the environment, the command line.
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import type { Arguments } from './arguments.ts'
import { Configuration, type Entry, refused, unknownOption } from './configuration.ts'
import { readDirectives } from './directives.ts'
import { optionNamed } from './program-options.ts'
import { readYaml } from './yaml.ts'

const PREFIX = 'REDIS_CLUSTER_PROXY_'

/** Kubernetes describes a service of the name redis-cluster-proxy by these, in every container of its namespace. */
const OF_KUBERNETES = /^(?:SERVICE_|PORT_\d+_)/

/** Whether a text is YAML and not directives: by the name of its file, or else by its first line. */
export function isYaml(text: string, file: string): boolean {
  if (/\.ya?ml$/i.test(file)) return true
  if (/\.conf$/i.test(file)) return false
  const first = text.split(/\r?\n/).find((line) => !/^\s*(#|$)/.test(line)) ?? ''
  return first.trimEnd() === '---' || /^[\w-]+\s*:(\s|$)/.test(first)
}

/** Whether a file is standard input or a pipe, such as a shell's `<(...)`: at the second time nothing would be left in it. */
export function canBeReadOnce(file: string): boolean {
  if (file === '' || file === '-') return file === '-'
  const found = statSync(file, { throwIfNoEntry: false })
  return found !== undefined && !found.isFile()
}

/** A configuration file as errors name it. */
export function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file
}

/** What a configuration file says; `-` is standard input. */
export function readFile(file: string): Entry[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw refused(`configuration file '${file}'`, (cause as Error).message)
  }
  const name = nameOf(file)
  const plain = text.replace(/^\uFEFF/, '')
  return isYaml(plain, file) ? readYaml(plain, name) : readDirectives(plain, file)
}

/** What the environment says: `REDIS_CLUSTER_PROXY_PORT=7777`, any option in upper case with underscores. */
export function readEnvironment(environment: NodeJS.ProcessEnv): Entry[] {
  return Object.entries(environment).flatMap(([variable, text]) => {
    if (!variable.startsWith(PREFIX) || text === undefined) return []
    const name = variable.slice(PREFIX.length)
    if (OF_KUBERNETES.test(name) || (name === 'PORT' && /^\w+:\/\//.test(text))) return []
    if (name === 'CONFIG') return []
    const option = optionNamed(name)
    if (option === undefined) throw unknownOption(variable, name.toLowerCase().replaceAll('_', '-'))
    return [{ option, written: text, origin: variable }]
  })
}

/** All sources together. A reload reads them again. */
export function readConfiguration(
  { entries, file }: Arguments,
  environment: NodeJS.ProcessEnv
): Configuration {
  return new Configuration({
    file: file === '' ? [] : readFile(file),
    environment: readEnvironment(environment),
    'command line': entries,
  })
}

/** The configuration file that the command line or the environment names; empty for none. */
export function configurationFile(named: string, environment: NodeJS.ProcessEnv): string {
  return named || (environment[`${PREFIX}CONFIG`] ?? '')
}
