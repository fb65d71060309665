/**
 * What options are checked with. A check gives the value as it is used, or undefined when it is wrong.
 *
 * @module
 */
import net from 'node:net'
import {
  type AddressMap,
  type Credentials,
  type HostPort,
  isPort,
  type NodeAddress,
  parseNodeAddress,
  type Settings,
} from './settings.ts'

/** What a value looks like in a configuration file, in the words of JSON Schema. */
export interface OptionSchema {
  /** Kind of the value; undefined where `enum` or `oneOf` tells. */
  readonly type?: 'boolean' | 'integer' | 'string' | 'object' | 'array'
  /** Least number. */
  readonly minimum?: number
  /** Greatest number. */
  readonly maximum?: number
  /** Least length of a text. */
  readonly minLength?: number
  /** Least length of a list. */
  readonly minItems?: number
  /** All values that are right. */
  readonly enum?: readonly (string | boolean)[]
  /** What each item of a list looks like. */
  readonly items?: OptionSchema
  /** Several forms, of which one is right. */
  readonly oneOf?: readonly OptionSchema[]
  /** What the values of a map look like, by name. */
  readonly properties?: Readonly<Record<string, OptionSchema>>
  /** Names that must be there. */
  readonly required?: readonly string[]
  /** What values of other names look like; false: there are none. */
  readonly additionalProperties?: OptionSchema | boolean
}

/** One row of the option table. */
export interface OptionSpec<Value> {
  /** The value when none is given. */
  readonly default: Value | undefined
  /** The value as it is used, or undefined when it is wrong. */
  readonly check: (value: unknown) => Value | undefined
  /** What is right, in words: "a whole number from 1 to 65535". */
  readonly expected: string
  /** What the option does, in a line. */
  readonly help: string
  /** `ms`, `s`, `bytes` or nothing. */
  readonly unit?: string
  /** Whether a change takes effect while the proxy runs. */
  readonly runtime?: boolean
  /** What it looks like in a configuration file; without one it cannot stand there. */
  readonly schema?: OptionSchema
}

/** What a row of the table says of the right values. */
type Rule<Value> = Pick<OptionSpec<Value>, 'check' | 'expected' | 'schema'>

/** Milliseconds of a day: the longest time that an option may be. */
export const DAY: number = 24 * 60 * 60 * 1000

/** Whole numbers of a range. */
export function whole(from: number, to: number): Rule<number> {
  return {
    check: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
        ? value
        : undefined,
    expected: `a whole number from ${from} to ${to}`,
    schema: { type: 'integer', minimum: from, maximum: to },
  }
}

/** Switches. */
export const flag: Rule<boolean> = {
  check: (value) => (typeof value === 'boolean' ? value : undefined),
  expected: 'true or false',
  schema: { type: 'boolean' },
}

/** Whether a value is an object that is no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hostAndPort(value: unknown): { host: string; port: number } | undefined {
  if (
    !isRecord(value) ||
    typeof value.host !== 'string' ||
    value.host === '' ||
    !isPort(value.port)
  )
    return undefined
  return { host: value.host, port: value.port }
}

/** A host and a port. */
export const address: Rule<HostPort | undefined> = {
  check: hostAndPort,
  expected: '{ host, port }',
  schema: {
    type: 'object',
    properties: {
      host: { type: 'string', minLength: 1 },
      port: { type: 'integer', minimum: 1, maximum: 65535 },
    },
    required: ['host', 'port'],
    additionalProperties: false,
  },
}

function checkNode(value: unknown): NodeAddress | undefined {
  if (typeof value === 'string') return parseNodeAddress(value)
  if (isRecord(value) && typeof value.path === 'string' && value.path !== '')
    return { path: value.path }
  return hostAndPort(value)
}

function checkNodes(value: unknown): readonly NodeAddress[] | undefined {
  const list = Array.isArray(value) ? value : [value]
  const nodes = list.map(checkNode)
  return nodes.length > 0 && nodes.every((node) => node !== undefined)
    ? (nodes as NodeAddress[])
    : undefined
}

/** Entry points: one or several. */
export const nodeList: Rule<readonly NodeAddress[]> = {
  check: checkNodes,
  expected:
    "'host:port', { host, port }, the path of a UNIX socket, or a list of these that is not empty",
  schema: {
    oneOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
    ],
  },
}

/** One of several words. */
export function oneOf<Word extends string>(...words: Word[]): Rule<Word> {
  return {
    check: (value) => words.find((word) => word === value),
    expected: `one of ${words.join(', ')}`,
    schema: { type: 'string', enum: words },
  }
}

function isSubnet(text: string): boolean {
  const [network = '', prefix = ''] = text.split('/')
  const version = net.isIP(network)
  return version !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

/** Networks and single addresses, at least one. */
export function checkNetworks(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const right = value.every((each) => {
    return typeof each === 'string' && (each.includes('/') ? isSubnet(each) : net.isIP(each) !== 0)
  })
  return right ? (value as string[]) : undefined
}

function checkPeers(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const right = value.every(
    (peer) =>
      typeof peer === 'string' && (peer === 'unix' || net.isIP(peer) !== 0 || isSubnet(peer))
  )
  return right ? (value as string[]) : undefined
}

/** Addresses and networks, and `unix`. */
export const peers: Pick<OptionSpec<readonly string[]>, 'check' | 'expected' | 'schema'> = {
  check: checkPeers,
  expected: "a list of IP addresses and networks such as '10.0.0.0/8', and 'unix' for UNIX sockets",
  schema: { type: 'array', items: { type: 'string', minLength: 1 } },
}

function isMapTarget(to: unknown, from: string): boolean {
  if (isRecord(to)) {
    return (
      typeof to.host === 'string' && to.host !== '' && (to.port === undefined || isPort(to.port))
    )
  }
  if (typeof to !== 'string' || to === '') return false
  return !to.includes('/') || (from.includes('/') && isSubnet(to) && net.isIPv4(to.split('/')[0]!))
}

function checkAddressMap(value: unknown): AddressMap | undefined {
  if (typeof value === 'function') return value as AddressMap
  if (!isRecord(value)) return undefined
  const right = Object.entries(value).every(
    ([from, to]) => (!from.includes('/') || isSubnet(from)) && isMapTarget(to, from)
  )
  return right ? (value as AddressMap) : undefined
}

/** Maps of addresses. */
export const addressMap: Rule<AddressMap | undefined> = {
  schema: { type: 'object', additionalProperties: { type: 'string' } },
  check: checkAddressMap,
  expected:
    "an object from 'host:port', 'host' or a network like '10.0.0.0/8' to 'host:port', 'host', { host, port? } or a network, or a function (host, port) that returns { host, port? }",
}

function checkCredentials(value: unknown): Settings['credentials'] {
  if (typeof value === 'function') return value as Settings['credentials']
  if (!isRecord(value) || typeof value.password !== 'string') return undefined
  if (value.username !== undefined && typeof value.username !== 'string') return undefined
  return value as unknown as Credentials
}

/** Credentials, or a function that gives them. */
export const credentials: Rule<Settings['credentials']> = {
  check: checkCredentials,
  expected: '{ username?, password }, or a function that returns it',
  schema: {
    type: 'object',
    properties: { username: { type: 'string' }, password: { type: 'string' } },
    required: ['password'],
    additionalProperties: false,
  },
}

/** Texts that are not empty. */
export const filledText: Pick<OptionSpec<string | undefined>, 'check' | 'schema'> = {
  check: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
  schema: { type: 'string', minLength: 1 },
}

const TEXT: OptionSchema = { type: 'string' }
const FLAG: OptionSchema = { type: 'boolean' }

/** TLS in a file: the names of `node:tls`, and files in place of their contents. */
export const tlsSchema: OptionSchema = {
  type: 'object',
  properties: {
    certFile: TEXT,
    keyFile: TEXT,
    caFile: TEXT,
    passphrase: TEXT,
    servername: TEXT,
    ciphers: TEXT,
    minVersion: { type: 'string', enum: ['TLSv1.2', 'TLSv1.3'] },
    requestCert: FLAG,
    rejectUnauthorized: FLAG,
  },
  additionalProperties: false,
}

/** Options that are handed on to another module. */
export const plainObject = <Value>(value: unknown): Value | undefined =>
  isRecord(value) ? (value as Value) : undefined
