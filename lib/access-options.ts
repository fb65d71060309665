/**
 * The rows of the option table about who may do what.
 *
 * @module
 */
import {
  checkNetworks,
  filledText,
  flag,
  type OptionSchema,
  type OptionSpec,
  peers,
  whole,
} from './option-checks.ts'
import type { Settings } from './settings.ts'
import { checkUsers } from './user-checks.ts'

type Rows =
  | 'password'
  | 'allowedNetworks'
  | 'users'
  | 'forwardAuth'
  | 'authFailureDelay'
  | 'protectedMode'
  | 'proxyProtocol'
  | 'trustedProxies'

const TEXT: OptionSchema = { type: 'string' }
const TEXTS: OptionSchema = { oneOf: [TEXT, { type: 'array', items: TEXT }] }

/** A user by its names, as in a program. */
const USER: OptionSchema = {
  type: 'object',
  properties: {
    name: TEXT,
    password: TEXTS,
    passwordSha256: TEXTS,
    nopass: { type: 'boolean' },
    enabled: { type: 'boolean' },
    rights: { type: 'string', enum: ['read', 'write', 'admin'] },
    commands: TEXTS,
    keys: TEXTS,
    channels: TEXTS,
  },
  required: ['name'],
  additionalProperties: false,
}

/** Options about clients' users, passwords and addresses. */
export const accessOptions: { readonly [Name in Rows]: OptionSpec<Settings[Name]> } = {
  password: {
    default: undefined,
    ...filledText,
    expected: 'a string that is not empty, or nothing to let every client in',
    help: 'Password that clients must give with AUTH or HELLO.',
    runtime: true,
  },
  allowedNetworks: {
    default: undefined,
    check: checkNetworks,
    expected: "a list of networks such as '10.0.0.0/8' or 'fd00::/8', or of IP addresses",
    schema: { type: 'array', items: { type: 'string' }, minItems: 1 },
    help: 'Networks of the addresses that nodes may name, announced or in MOVED and ASK; others are not dialled. Entry points and what natMap gives may be anywhere. Without it any address is dialled.',
  },
  users: {
    default: undefined,
    check: checkUsers,
    expected:
      "a list of { name, password | passwordSha256 | nopass, rights | commands, keys?, channels?, enabled? } or texts such as 'alice on >secret ~app:* +@read'",
    schema: { type: 'array', items: { oneOf: [{ type: 'string' }, USER] } },
    help: "Users of the proxy's own, each with its rights; in a file as in redis.conf: user alice on >secret ~app:* +@read; in YAML also by these names.",
    runtime: true,
  },
  forwardAuth: {
    default: undefined,
    ...flag,
    expected: 'true, false, or nothing for true as long as there is neither password nor users',
    help: "Whether AUTH of users that the proxy does not know is tried on the cluster; their commands go over connections of their own, as that user. Beside users of the proxy's own only if it is set, and never for the user default.",
    runtime: true,
  },
  authFailureDelay: {
    default: 100,
    ...whole(0, 60_000),
    unit: 'ms',
    help: 'Time that an AUTH waits when the one before, of the same address, failed; it doubles up to 32 times as much, and is forgotten after a minute without failures; 0: none. It holds for all threads together.',
    runtime: true,
  },
  protectedMode: {
    default: false,
    ...flag,
    help: 'Whether, as long as neither password nor users are set, only clients from this machine are served; others are told what to do.',
    runtime: true,
  },
  proxyProtocol: {
    default: false,
    ...flag,
    help: 'Whether connections from `trustedProxies` begin with a header of the PROXY protocol, version 1 or 2, which tells whose they are; others are served as they come.',
  },
  trustedProxies: {
    default: [],
    ...peers,
    help: 'Peers whose PROXY protocol headers are believed; with `proxyProtocol` at least one.',
  },
}
