/** Thrown by a command handler to answer with an error; `message` is the whole text, its code first. */
export class Refusal extends Error {}

/** The error texts that more than one command uses, as Redis 7.0 words them. */
export const TEXTS = {
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  syntax: 'ERR syntax error',
  notInteger: 'ERR value is not an integer or out of range',
  notFloat: 'ERR value is not a valid float',
  overflow: 'ERR increment or decrement would overflow',
  notFinite: 'ERR increment would produce NaN or Infinity',
  noSuchKey: 'ERR no such key',
  negative: 'ERR value is out of range, must be positive',
  tooLong: 'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
} as const

/** Ends the command with an error of {@link TEXTS}, or with the text given. */
export function refuse(text: string): never {
  throw new Refusal(text)
}

/** What a command answers that has too few or too many arguments; `name` is `container|subcommand` for subcommands. */
export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`
}
