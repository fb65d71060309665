export { cString, integer, word } from '../../command/words.ts'

/** Whether an argument may be a name in `CLIENT LIST`: visible ASCII only, no blanks. Empty is allowed. */
export function isPrintable(arg: Buffer): boolean {
  return arg.every((byte) => byte >= 0x21 && byte <= 0x7e)
}
